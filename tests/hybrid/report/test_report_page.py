"""The page of a report: whole, alone, safe, and the same every time."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import pytest

from hybrid.report import render

VOID = {"meta", "br", "link"}
SECTIONS = ["baseline", "accuracy", "cost", "exits", "anytime", "robustness", "features", "closure"]
SECTIONS += ["learning", "data", "code", "parity", "reproduce", "warnings"]


class Page(HTMLParser):
    """What stands in a page; raises AssertionError where tags do not pair up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.ids, self.attributes, self.text = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def words(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text))


def test_tags_pair_up_and_ids_are_unique(any_page):
    page = Page(any_page)
    assert len(page.ids) == len(set(page.ids))


def test_the_page_stands_alone(any_page):
    page = Page(any_page)
    assert not re.search(r"https?:|//[a-z]|@import|xmlns", any_page)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert "src" not in dict(page.attributes)
    links = [value for name, value in page.attributes if name == "href"]
    assert {link[1:] for link in links} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", any_page)) <= set(page.ids)
    assert set(re.findall(r"url\((.)", any_page)) <= {"#"}


def test_every_drawing_takes_its_colours_from_the_style_sheet(any_page):
    for svg in re.findall(r"<svg.*?</svg>", any_page, re.DOTALL):
        assert not re.search(r"(fill|stroke): #", svg)
    used = set(re.findall(r"var\((--\w+)\)", any_page))
    assert used <= set(re.findall(r"(--\w+):", any_page))


def test_a_page_does_not_depend_on_the_order_of_keys(any_report, any_page):
    assert render(reverse(any_report)) == any_page


def reverse(value):
    """The value with the keys of every object in another order."""
    if isinstance(value, dict):
        return {key: reverse(value[key]) for key in reversed(value)}
    return [reverse(item) for item in value] if isinstance(value, list) else value


def test_the_same_report_gives_the_same_bytes_in_any_process(tmp_path, make_report, page_of):
    source = tmp_path / "report.json"
    source.write_text(json.dumps(make_report()), encoding="utf-8")
    program = (
        "import json, sys; from hybrid.report import render;"
        "sys.stdout.buffer.write(render(json.load(open(sys.argv[1], encoding='utf-8'))).encode())"
    )
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": root, "MPLCONFIGDIR": str(tmp_path)}
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nlines.linewidth: 9\n", encoding="utf-8")
    command = [sys.executable, "-c", program, str(source)]
    found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, cwd=tmp_path, check=True, timeout=120)
    assert found.stdout.decode() == page_of("complete")


def test_rendering_leaves_the_report_and_matplotlib_alone(make_report):
    report, settings = make_report(), dict(matplotlib.rcParams)
    render(report)
    assert report == make_report()
    assert dict(matplotlib.rcParams) == settings


def test_hostile_text_stays_text(page_of):
    text = page_of("hostile")
    page = Page(text)
    assert "<script>alert(2)</script>" in page.words()
    assert "été-hiver" in page.words() and "漢字" in page.words() and "$x_1$" in page.words()
    assert "b" not in page.tags
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r"<(\w+)", drawings)) == {"svg", "g", "path", "defs", "use", "text", "clipPath", "rect"}


def test_a_complete_report_has_all_sections_in_order(page_of):
    assert [name for name in Page(page_of("complete")).ids if name in SECTIONS] == SECTIONS


def test_absent_sections_leave_nothing_behind(page_of):
    dense = [name for name in Page(page_of("dense")).ids if name in SECTIONS]
    assert dense == ["accuracy", "cost", "robustness", "data", "code", "parity", "reproduce"]
    small = Page(page_of("small"))
    assert [name for name in small.ids if name in SECTIONS] == ["accuracy"]
    assert "– " not in small.words() and "None" not in small.words()
    assert "None" not in Page(page_of("empty")).words()


@pytest.mark.parametrize("section", ["accuracy", "code", "cost", "data", "forest", "maps", "parity", "stages"])
def test_any_one_section_may_be_absent(section, make_report):
    report = make_report(["knock", "_silence_"], 20)
    for drawing in (report["cost"]["histogram"], report["cost"]["by_family"], report["learning"]):
        drawing.clear()
    del report[section]
    words = Page(render(report)).words()
    assert "None" not in words and "nan" not in words


def test_every_accuracy_says_its_split_and_its_clips(page_of):
    words = Page(page_of("complete")).words()
    assert "92.4 % (90.8–93.7) of 1,236 test clips are right" in words
    assert "By class, on 1,236 test clips" in words
    assert "Confusion, on 1,236 test clips" in words
    assert "Validation accuracy by epoch, on 1,236 clips" in words
    assert "Test accuracy, 1,236 clips" in words


def test_without_a_test_split_the_page_says_validation(make_report):
    report = make_report(["a", "b"], 50)
    del report["accuracy"]["test"], report["accuracy"]["test_without_silence"], report["learning"]
    words = Page(render(report)).words()
    assert "of 100 validation clips are right" in words
    assert "Validation accuracy" in words and "By class, on 100 validation clips" in words


def test_synthetic_data_and_broken_parity_stand_at_the_top(page_of):
    assert "Synthetic data." in page_of("hostile") and "Do not deploy." in page_of("hostile")
    assert "Synthetic data." not in page_of("complete") and "Do not deploy." not in page_of("complete")


def test_fifty_classes_have_a_matrix_without_numbers(page_of):
    text = page_of("fifty")
    assert 'class="matrix dense"' in text
    assert text.count("<td></td>") > 2000
    assert "class 48: rain → class 49: dog bark" in Page(text).words() + text
    assert len(text) < 250_000


def test_two_classes_need_no_list_of_confusions(page_of):
    assert "Most frequent confusions" not in page_of("two")
    assert "Most frequent confusions" in page_of("complete")


def test_the_example_uses_the_names_of_the_model(make_dense):
    report = make_dense(["a", "b"], 10)
    report["name"] = "door bell"
    words = Page(render(report)).words()
    assert "#define DOOR_BELL_IMPLEMENTATION" in words
    assert "door_bell_result r = door_bell_classify(&ctx, pcm);" in words


def test_numbers_that_are_not_finite_show_as_dashes(make_report):
    report = make_report(["a", "b"], 10)
    report["cost"]["p95"] = float("nan")
    report["cost"]["eager"] = float("inf")
    report["learning"]["train_loss"][3] = float("nan")
    report["forest"]["max_score_error"] = None
    words = Page(render(report)).words()
    assert not re.search(r"\b(nan|inf)\b", words)


def test_exits_and_budgets_are_told(make_report):
    page = Page(render(make_report()))
    words = page.words()
    assert "Margins of stage 1 by class" in words and "_up ≥ 1,400" in words.replace("\u202f", ",").replace(" ", " ")
    assert "same class in the end" in words and "the most frequent class of the training clips, <yes>" in words
    assert "settles 80.0 % of the 50 test windows of _silence_" in words.replace("\u00a0", " ")
    assert any(name == "aria-label" and "Accuracy by budget: validation 9" in value for name, value in page.attributes)
    assert "Accuracy: breaks at a gain of -20 dB (-5.0 pp)." in words and "5 dB above noise" in words
    assert any(name == "aria-label" and "Accuracy in the field: gain -20" in value for name, value in page.attributes)
    bare = make_report()
    bare["anytime"]["budgets"] = []
    assert "Inside a budget" not in Page(render(bare)).words()


def test_where_clips_are_cut_decisions_are_counted_in_windows(make_report):
    report = make_report(["a", "b"], 50)
    said = Page(render(report)).words()
    assert "Clips by the cost of their decision" in said and "test clips leaving here" in said
    windows = sum(report["cost"]["histogram"]["counts"])
    report["clips"] = {"clips": 100, "windows": windows / 100, "decided": 1.5, "margin": 900, "mean": 2e6, "p95": 4e6}
    said = Page(render(report)).words()
    for words in ("Windows by the cost of their decision", "test windows leaving here", "No window differs.",
                  f"Shares are of all {windows} test windows, decided or not", "mean cost of a clip"):  # fmt: skip
        assert words in said, words
    assert "test clips leaving here" not in said and "on 600 windows" in said
