"""Links to a state of the explorers: the figure is in view, and Back undoes what a link did."""

import pytest

PAGE = "book/explorers"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def explorer(opened, name: str):
    return opened.page.locator(f".anywidget-static[data-name={name}]")


@pytest.mark.parametrize("name", ["ContinuityExplorer", "SpectrumExplorer", "ManifoldExplorer"])
@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_a_link_to_a_state_shows_its_figure(visit, name, options):
    with visit(f"{PAGE}.html#{name}.x=1", settled=False, **options) as opened:
        opened.page.wait_for_timeout(3000)
        top, height = explorer(opened, name).evaluate(
            "e => [e.getBoundingClientRect().top, innerHeight]"
        )
        assert 0 <= top < 0.5 * height


def test_back_and_a_second_link_restore_what_they_do_not_name(visit):
    with visit(f"{PAGE}.html#explorer-spectrum") as opened:
        step = explorer(opened, "DiracExplorer").get_by_label("step size h")
        gamma = explorer(opened, "SpectrumExplorer").get_by_label("R1 γ")
        first = [step.input_value(), gamma.input_value()]

        def expect(*values: str) -> None:
            opened.page.wait_for_timeout(400)  # the address, too, is as it will be
            assert [step.input_value(), gamma.input_value()] == list(values)

        def follow(fragment: str) -> None:
            opened.page.evaluate("(hash) => { location.hash = hash; }", fragment)

        follow("#DiracExplorer.h=1")
        expect("1", first[1])
        follow("#SpectrumExplorer.gamma=1")
        expect(first[0], "1")
        opened.page.go_back()
        expect("1", first[1])
        opened.page.go_back()
        expect(*first)
        assert opened.page.evaluate("location.hash") == "#explorer-spectrum"
        opened.page.go_forward()
        expect("1", first[1])
        follow("#explorer-manifold")  # a section: figures stay as they are
        expect("1", first[1])
        assert opened.problems == []
