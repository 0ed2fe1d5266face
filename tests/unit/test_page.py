"""The shell of our pages: nothing that a log says becomes markup."""

import pytest

from smart_routing.page import html_page, html_table

MARKUP = "<script>alert(\"x\")</script> & 'y'"


def test_texts_are_escaped_everywhere() -> None:
    page = html_page(MARKUP, html_table([MARKUP, "rows"], [[MARKUP, MARKUP]], numbers={"rows"}))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#x27;y&#x27;") == 5


def test_quantities_stand_to_the_right_and_the_first_column_names() -> None:
    table = html_table(["part", "rows", "remark"], [["a", "1", "none"]], numbers={"rows"})
    assert '<td class="name">a</td><td class="number">1</td><td class="text">none</td>' in table


def test_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        html_table(["part", "rows"], [["a"]])
