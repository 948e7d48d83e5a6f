// Formulas and tables wider than the page scroll; the keyboard can do so once they take the focus.
(() => {
  const WIDE = 'mjx-container[display="true"], .pst-scrollable-table-container';
  const update = () => {
    for (const box of document.querySelectorAll(WIDE)) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready; // the formulas' own fonts set their widths
    update();
    addEventListener("resize", update);
  });
})();
