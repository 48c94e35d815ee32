"""Owns received mail: keeps every message as it came, and shows it in the browser and as JSON.

The SMTP conversation itself is in mail_server.py.
"""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from tests.sandbox.layout import page
from tests.sandbox.mail_server import MailServer
from tests.sandbox.world import World

Mail = dict[str, Any]

_LIST = """
<div class="card"><h1>Mails</h1>
{% if mails %}<table><thead><tr><th>Received</th><th>To</th><th>Subject</th></tr></thead><tbody>
{% for mail in mails %}<tr><td>{{ mail.at[:16]|replace("T", " ") }}</td><td>{{ mail.to|join(", ") }}</td>
<td><a href="/mail/{{ mail.n }}">{{ mail.subject or "(no subject)" }}</a></td></tr>{% endfor %}
</tbody></table>{% else %}<p class="quiet">Nothing has been received yet.</p>{% endif %}</div>"""

_ONE = """
<div class="card"><h1>{{ mail.subject or "(no subject)" }}</h1>
<p class="quiet">From {{ mail.from }} to {{ mail.to|join(", ") }}, {{ mail.at[:16]|replace("T", " ") }} UTC</p>
{% if mail.attachments %}<p>Attachments: {{ mail.attachments|join(", ") }}</p>{% endif %}</div>
{% if mail.html %}<div class="card"><h2>HTML part</h2>
<iframe title="HTML part" sandbox="allow-top-navigation-by-user-activation allow-popups" srcdoc="{{ framed }}"></iframe>
</div>{% endif %}
<div class="card"><h2>Text part</h2><pre>{{ text }}</pre></div>
<div class="card"><h2>Headers</h2><pre>{% for name, value in mail.headers %}{{ name }}: {{ value }}
{% endfor %}</pre></div>"""


def store(world: World, sender: str, recipients: list[str], raw: bytes) -> Mail:
    """Keep one message and record the effect `mail.received` under its Message-ID."""
    with world.lock:
        mails = world.part("mail").setdefault("mails", [])
        mail = {
            "n": world.next_id("mail"),
            "at": world.clock.now().isoformat().replace("+00:00", "Z"),
            "from": sender,
            "to": recipients,
            **_parsed(raw),
            "raw": raw.decode("latin-1"),
        }
        mails.append(mail)
    world.touch("mail")
    summary = {name: mail[name] for name in ("n", "from", "to", "subject")}
    world.ledger.record("smtp", "mail.received", mail["message_id"], summary)
    return mail


def _parsed(raw: bytes) -> dict[str, Any]:
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)
    return {
        "message_id": str(message.get("Message-ID", "")),
        "subject": str(message.get("Subject", "")),
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": _part(message, "plain"),
        "html": _part(message, "html"),
        "attachments": [part.get_filename() or "" for part in message.iter_attachments()],
    }


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if not isinstance(part, EmailMessage) or part.get_content_type() != f"text/{kind}":
        return ""
    return str(part.get_content())


def listen(world: World) -> MailServer:
    """Start the SMTP listener on loopback; `world.smtp_port` is set when this returns."""
    server = MailServer(world, lambda sender, recipients, raw: store(world, sender, recipients, raw))
    server.start()
    return server


def register(app: Flask, world: World) -> None:
    """Add /mail, /mail/<n>, and GET and DELETE /_sandbox/mails."""

    def kept() -> list[Mail]:
        with world.lock:
            return list(world.part("mail").get("mails", []))

    @app.get("/mail")
    def mail_list() -> str:
        back = ("/", "Back to the start page")
        return page(_LIST, title="Mails", bar="Mailbox", width=960, mails=kept()[::-1], back=back)

    @app.get("/mail/<int:number>")
    def mail_one(number: int) -> str:
        mail = next((mail for mail in kept() if mail["n"] == number), None) or abort(404)
        # Links leave the frame: the person is meant to click them as in a mail program.
        framed = '<base target="_top">' + mail["html"]
        text = mail["text"] or "(none)"
        back = ("/mail", "All mails")
        return page(
            _ONE, title=mail["subject"], bar="Mailbox", width=960, mail=mail, framed=framed, text=text, back=back
        )

    @app.get("/_sandbox/mails")
    def mails_json() -> Response:
        wanted = request.args.get("to")
        since = int(request.args.get("since", 0))
        return jsonify([mail for mail in kept() if mail["n"] > since and (not wanted or wanted in mail["to"])])

    @app.delete("/_sandbox/mails")
    def forget_mails() -> Response:
        with world.lock:
            removed = len(kept())
            world.part("mail")["mails"] = []
        world.touch("mail")
        return jsonify(removed=removed)
