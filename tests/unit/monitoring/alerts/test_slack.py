"""The message for the chat: what Slack takes, and nothing that names could make of it."""

import json
import re

import httpx
import pytest

from monitoring.alerts.slack import MOST_IN_HEADER, MOST_IN_SECTION, SlackNotifier, message
from smart_routing.errors import NotificationError, NotificationRefusedError, NotificationUnknownError
from tests.unit.monitoring.alerts.examples import alert, hostile

URL = "https://chat.example/services/secret"


def texts(body: dict[str, object]) -> list[str]:
    return re.findall(r'"text": "((?:[^"\\]|\\.)*)"', json.dumps(body))


def test_message_says_what_changed_how_sure_and_where_more_is() -> None:
    blocks = message(alert())["blocks"]
    assert blocks[0]["text"] == {
        "type": "plain_text",
        "text": "A change calls for a new model: v3-ab12cd (lake.research)",
    }
    assert [block["text"]["text"] for block in blocks[1:-1]] == [
        "Tenant lake.research is new and asks for more than the model has seen.",
        "*A training was asked for.*",
        "`new_templates of lake.research` 61% of the templates are new\n"
        "`░···········|████████████` usual 0.04, now 0.61",
        "`heavy_share of lake.research` 48% of the statements are called heavy, 21% were usual\n"
        "`░░░░░·······|████████████` usual 0.21, now 0.48",
        "`join_count of lake.research` joins doubled\n`░░░░········|████████████` usual 1.8, now 5.2",
        "Chance alone would look like the strongest of these less than once in 1,000,000 windows.",
        "<http://mlflow.example/#/experiments/1/runs/r1|MLflow run>",
    ]


def test_hostile_names_are_neither_mentions_nor_links_nor_too_long() -> None:
    body = message(hostile())
    found = [text for text in texts(body) if "mlflow.example" not in text]
    head = body["blocks"][0]["text"]
    assert head["type"] == "plain_text"
    assert len(head["text"]) <= MOST_IN_HEADER
    assert all(len(block["text"]["text"]) <= MOST_IN_SECTION for block in body["blocks"][1:-1])
    assert [text for text in found if re.search(r"[<>]", text) and text not in json.dumps(head)] == []
    assert "<http://mlflow.example/a%7Cb%20c|Run &gt; all>" in json.dumps(body, ensure_ascii=False)
    assert all(block["text"]["verbatim"] for block in body["blocks"][1:-1])


def test_a_cut_text_ends_before_an_escape() -> None:
    cut = message(alert(reason="&" * 5000))["blocks"][1]["text"]["text"]
    assert len(cut) <= MOST_IN_SECTION
    assert re.fullmatch(r"(&amp;)+…", cut)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(500, NotificationError, id="broken"),
        pytest.param(429, NotificationError, id="too many"),
        pytest.param(400, NotificationRefusedError, id="bad message"),
        pytest.param(404, NotificationRefusedError, id="no such webhook"),
        pytest.param(302, NotificationRefusedError, id="elsewhere"),
    ],
)
def test_a_refusal_says_whether_to_try_again_and_not_the_secret(status: int, expected: type[NotificationError]) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(NotificationError) as caught:
        SlackNotifier(client, URL).send(alert())
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(httpx.ConnectError("refused"), NotificationError, id="nobody there"),
        pytest.param(httpx.ConnectTimeout("late"), NotificationError, id="no connection in time"),
        pytest.param(httpx.ReadTimeout("late"), NotificationUnknownError, id="no answer in time"),
        pytest.param(httpx.RemoteProtocolError("gone"), NotificationUnknownError, id="gone before the answer"),
    ],
)
def test_what_may_have_arrived_is_unknown(failure: httpx.HTTPError, expected: type[NotificationError]) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    client = httpx.Client(transport=httpx.MockTransport(fail))
    with pytest.raises(NotificationError) as caught:
        SlackNotifier(client, URL).send(alert())
    assert type(caught.value) is expected
