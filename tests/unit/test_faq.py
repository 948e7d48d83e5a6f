"""Every question that the FAQ must answer has an entry, and what entries point to is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BOOK = ROOT / "book"
# A label, a heading of the third level, and the text up to the next label or heading.
ENTRY = re.compile(r"^\(([a-z0-9-]+)\)=\n### (.+)\n((?:(?!\([a-z0-9-]+\)=$|#).*\n)*)", re.MULTILINE)

# A forum's question about R1 (r), a page of questions about GANs and regularisation (g), and what
# these take for granted (i): each with the entry that answers it.
QUESTIONS = {
    "r1 what is R1, in words": "faq-what-is-r1",
    "r2 what is psi": "faq-psi",
    "r3 what is gamma": "faq-gamma",
    "r4 is x always an image": "faq-x-image",
    "r5 what is p_D, and the expectation": "faq-p-data",
    "r6 gradient with respect to what": "faq-gradient-of-what",
    "r7 why the square and the one half": "faq-square-half",
    "r8 why only real data": "faq-why-real",
    "r9 why does orthogonal to the data manifold matter": "faq-orthogonal",
    "r10 what is the data manifold": "faq-data-manifold",
    "r11 what does D = 0 on the manifold mean": "faq-d-zero",
    "r12 what is deviating from the equilibrium, how is it penalised": "faq-deviating",
    "r13 what is a loss in the GAN game": "faq-loss-in-game",
    "r14 why R1 for one data set and not for another": "faq-another-penalty",
    "r15 how to get a feel for gamma and choose it": "faq-choose-gamma",
    "r16 do the eigenvalues give the best gamma": "faq-eigenvalues-gamma",
    "r17 does R1 stop the generator": "faq-generator-stops",
    "r18 is R1 the norm of the weight gradients": "faq-weight-gradients",
    "r19 where is a readable account": "faq-readable-account",
    "g1 what is R1 regularisation": "faq-what-is-r1",
    "g2 are GANs difficult to train": "faq-gans-difficult",
    "g3 how do you optimise a GAN": "faq-optimise-gan",
    "g4 do GANs use gradient descent": "faq-gradient-descent",
    "g5 what is a regularisation technique": "faq-regularisation-technique",
    "g6 why are GANs so hard to train": "faq-why-hard",
    "g7 how do I train my discriminator": "faq-train-discriminator",
    "g8 can you overtrain a GAN": "faq-overtrain",
    "g9 what is a gradient penalty": "faq-gradient-penalty",
    "g10 how do GANs converge": "faq-how-converge",
    "g11 does regularisation increase the cost": "faq-raises-cost",
    "g12 when to regularise": "faq-when-regularise",
    "g13 how is L2 used in deep learning": "faq-l2",
    "g14 is there a closed form for L1": "faq-l1-closed-form",
    "g15 how is L1 used in the lasso": "faq-lasso",
    "i1 what is a zero-sum game": "faq-zero-sum",
    "i2 Lipschitz exactly if the gradient is at most 1": "faq-lipschitz",
    "i3 is L2 weight decay": "faq-weight-decay",
    "i4 what is lambda": "faq-lambda",
    "i5 why does the generator's gradient vanish": "faq-vanishing-generator",
}

# Statements of reviews and encyclopaedias that are loose: each with the entry that corrects it.
STATEMENTS = {
    "a layer's output is penalised": "faq-layer-output",
    "the input gradient is the direction of the update": "faq-update-direction",
    "absolute continuity gives stability": "faq-ac-stable",
    "absolute continuity is necessary": "faq-ac-necessary",
    "absolute continuity is a good fit": "faq-absolute-continuity",
    "divergences compute the measure": "faq-measure",
    "players that adapt to each other are unstable": "faq-competition",
    "all real parts 0 is sublinear convergence": "faq-sublinear",
    "an eigenvalue smaller than 1 suffices": "faq-eigenvalue-below-one",
    "an eigenvalue above 1 excludes convergence": "faq-eigenvalue-above-one",
    "the Dirac-GAN's notation": "faq-dirac-notation",
    "training oscillates as psi grows": "faq-dirac-oscillates",
    "lemma 2.3 without its reason": "faq-constant-distance",
    "consensus descends the GAN's objective": "faq-consensus",
    "it converges when the equilibrium is reached": "faq-nash-reached",
    "penalties avoid mode collapse": "faq-mode-collapse",
    "GANs minimise JS": "faq-minimise-js",
    "JS has vanishing gradients": "faq-js-vanishing",
    "Lipschitz is needed to define W1": "faq-lipschitz-wasserstein",
    "G is trained on the penalty, and its sign": "faq-generator-penalty",
    "straight lines between random pairs": "faq-interpolates",
    "WGAN-GP has become standard": "faq-wgan-gp-converges",
}

# What readers of the later chapters ask.
PRACTICE = {
    "which of the two": "faq-wgan-or-r1",
    "R1 or nothing": "faq-r1-or-none",
    "how to get a spectrum": "faq-own-spectrum",
}

# What a reader sees, with the entry of the index.
SYMPTOMS = {
    "D's loss stuck at 2 ln 2": "symptom-stuck",
    "D's loss near 0, G's climbs": "symptom-d-wins",
    "logits explode": "symptom-logits",
    "loss falls and samples get worse": "symptom-loss-lies",
    "W1 or critic loss oscillates": "symptom-critic",
    "NaN after the first step": "symptom-nan-first",
    "NaN later, or in fp16": "symptom-nan-later",
    "samples cycle between modes": "symptom-cycle",
    "modes missing": "symptom-modes",
    "all samples alike": "symptom-alike",
    "checkerboards": "symptom-checkerboard",
    "good samples that get worse later": "symptom-worse-later",
    "R1 of 1e-13, or 0": "symptom-r1-tiny",
    "R1 enormous": "symptom-r1-huge",
    "the penalty changes nothing": "symptom-no-effect",
    "BatchNorm in D": "symptom-batchnorm",
    "lazy R1 diverges": "symptom-lazy",
    "backward through the graph a second time": "symptom-second-time",
    "element 0 of tensors does not require grad": "symptom-element-0",
    "no second derivative: attention, cuDNN": "symptom-second-derivative",
    "torch.compile and double backward": "symptom-compile",
    "one GPU yes, DDP no": "symptom-ddp",
    "slower by a factor of six": "symptom-slow",
}


def entries(page: str) -> list[tuple[str, str, str]]:
    """Label, heading and text of every entry of a page."""
    return ENTRY.findall((BOOK / f"{page}.md").read_text(encoding="utf-8"))


def headings() -> dict[str, set[str]]:
    """The label of each chapter, and its headings."""
    found = {}
    for path in BOOK.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        label = re.search(r"^\((.+)\)=", text, re.MULTILINE)
        if label:
            found[label[1]] = set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))
    return found


FAQ, INDEX, HEADINGS = entries("faq"), entries("symptoms"), headings()


def places(text: str) -> list[tuple[str, str]]:
    """The chapters of "Shown in", each with the section that is named after it."""
    where = " ".join(
        re.split(r"\*\*Shown in:\*\*|^Shown in\n: ", text, flags=re.MULTILINE)[1].split()
    )
    # One label, and what follows up to the next link.
    parts = re.findall(r"\]\(#((?:ch|app)-[a-z0-9-]+)\)([^\[{]*)", where)
    return [(label, name) for label, rest in parts for name in re.findall(r"\*([^*]+)\*", rest)]


def test_every_question_and_statement_has_its_entry():
    assert {label for label, _, _ in FAQ} == {
        *QUESTIONS.values(),
        *STATEMENTS.values(),
        *PRACTICE.values(),
    }


def test_every_symptom_has_its_entry():
    assert {label for label, _, _ in INDEX} == set(SYMPTOMS.values())


@pytest.mark.parametrize("page", ["faq", "symptoms"])
def test_labels_and_headings_are_unique_and_every_entry_has_a_label(page):
    text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    for pattern in (r"^\((.+)\)=$", r"^#+ (.+)$"):
        found = re.findall(pattern, text, re.MULTILINE)
        assert len(found) == len(set(found))
    assert text.count("\n### ") == len(entries(page))


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, _, text in FAQ])
def test_an_answer_is_short_and_links_to_what_shows_it(label, text):
    answer, where = text.split("**Shown in:**")
    assert 2 <= len(re.split(r"[.?!)]\s+(?=[A-Z$*])", answer.strip())) <= 5
    assert re.search(r"\]\(#|\{(prf:ref|numref|ref)\}`", where)


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, _, text in INDEX])
def test_a_symptom_has_cause_cure_detection_and_place(label, text):
    terms = re.findall(r"^(.+)\n: ", text, re.MULTILINE)
    assert terms == ["Likely cause", "What to do", "Detected by", "Shown in"]


def test_the_findings_that_the_index_names_are_the_tools_own():
    sources = [ROOT / "r1lab" / "monitor.py", *(ROOT / "r1lab" / "doctor").glob("*.py")]
    words = "".join(path.read_text(encoding="utf-8") for path in sources)
    for label, _, text in INDEX:
        detected = text.split("Detected by\n: ")[1].split("\n\n")[0]
        for name in re.findall(r'"([^"]+)"', " ".join(detected.split())):
            assert name in words, label


@pytest.mark.parametrize(("label", "text"), [(label, text) for label, _, text in FAQ + INDEX])
def test_the_sections_that_an_entry_names_exist(label, text):
    for chapter, name in places(text):
        assert name in HEADINGS[chapter]
