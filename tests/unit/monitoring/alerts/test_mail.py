"""The mail: both texts, the picture within, and headers that names cannot reach."""

import email
from email import policy
from email.message import EmailMessage

import pytest

from monitoring.alerts.alert import Alert, moved_most
from monitoring.alerts.mail import PICTURE_ID, compose
from monitoring.alerts.picture import picture
from tests.unit.monitoring.alerts.examples import NOW, alert, hostile, signal

TO = ("oncall@example.com", "trino@example.com")


def parsed(told: Alert) -> EmailMessage:
    """The mail as its reader gets it."""
    mail = compose(told, sender="router@example.com", recipients=TO, now=NOW)
    return email.message_from_bytes(mail.as_bytes(), policy=policy.default)


def html(mail: EmailMessage) -> str:
    page = mail.get_body(("html",))
    assert page is not None
    return str(page.get_content())


def test_mail_has_text_and_html_with_the_picture_within() -> None:
    mail = parsed(alert())
    text = mail.get_body(("plain",))
    assert text is not None
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert mail["Subject"] == "[smart routing] A change calls for a new model: v3-ab12cd (lake.research)"
    assert (mail["To"], mail["Auto-Submitted"]) == ("oncall@example.com, trino@example.com", "auto-generated")
    assert "- join_count of lake.research: joins doubled (usual 1.8, now 5.2)" in text.get_content()
    assert "MLflow run: http://mlflow.example/#/experiments/1/runs/r1" in text.get_content()
    assert f'src="cid:{PICTURE_ID}"' in html(mail)
    assert image["Content-ID"] == f"<{PICTURE_ID}>"
    assert image.get_content().startswith(b"\x89PNG")


def test_hostile_names_make_no_header_and_no_element() -> None:
    mail = parsed(hostile())
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert "<img src=x>" not in html(mail)
    assert "&lt;!channel&gt;" in html(mail)
    assert "\u202e" not in html(mail)


def test_without_figures_there_is_no_picture() -> None:
    told = alert(moved=moved_most([signal("coverage", reference=None)]))
    assert picture(told.moved) is None
    assert PICTURE_ID not in html(parsed(told))


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        pytest.param(0.0, 0.0, id="zeros"),
        pytest.param(-3.0, 2.0, id="signs"),
        pytest.param(1e-9, 1e12, id="far apart"),
    ],
)
def test_any_figures_can_be_drawn(reference: float, current: float) -> None:
    drawn = picture(moved_most([signal("日本語 $x^", reference=reference, current=current)]))
    assert drawn is not None
