"""What a person sees when something failed: what, why, what next. Never a trace, never a secret."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from shopapp.i18n import N_
from shopapp.logs import context
from shopapp.web.presentation import _

log = logging.getLogger(__name__)

# status -> heading, what failed, why, what to do next
TEXTS: dict[int, tuple[str, str, str, str]] = {
    400: (
        N_("Not understood"), N_("The request could not be read"),
        N_("Something in the address or the form is not as the page sent it."), N_("Go back and try again."),
    ),
    403: (
        N_("Not allowed"), N_("This is not possible for you"),
        N_("The app could not confirm that you may do this."), N_("Open the app from your shop's admin and try again."),
    ),
    404: (
        N_("Not found"), N_("There is nothing at this address"),
        N_("It was removed, or it belongs to another shop."), N_("Look it up in its list."),
    ),
    409: (
        N_("Changed in the meantime"), N_("Nothing was saved"),
        N_("Somebody, or a background job, was faster."), N_("Look at the current state and try again."),
    ),
    413: (
        N_("Too large"), N_("The file or form is too large"), N_("At most 1 MB is accepted."),
        N_("Split it and try again."),
    ),
    500: (
        N_("Something went wrong on our side"), N_("The page could not be made"),
        N_("It is a fault of the app, not yours. Imports go on in the background."),
        N_("Try again in a moment. If it stays, tell support the reference."),
    ),
    503: (
        N_("Not available right now"), N_("The app cannot reach its database"),
        N_("It is being restarted or repaired. Nothing is lost."), N_("Try again in a moment."),
    ),
}  # fmt: skip


class Bodies:
    """WSGI: a body that the server cannot make out (a broken chunk) is the sender's fault for all of `application`."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass on, with the body wrapped."""
        environ["wsgi.input"] = _Body(environ["wsgi.input"])
        return self.application(environ, start_response)


class _Body:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        """As the server's. Each server has errors of its own; Werkzeug answers an OSError with 400, as if it were cut off."""
        try:
            return bytes(self.stream.read(size))
        except Exception as error:
            raise OSError(f"the body cannot be read ({type(error).__name__})") from error


def page(status: int, reference: str = "") -> Response:
    """The error page for `status`."""
    heading, what, why, next_step = TEXTS.get(status, TEXTS[500 if status >= 500 else 400])
    html = render_template(
        "error.html", heading=_(heading), what=_(what), why=_(why), next_step=_(next_step), reference=reference
    )
    return make_response(html, status)


def init_app(app: Flask) -> None:
    """Handle every error of a page."""

    @app.errorhandler(HTTPException)
    def known(error: HTTPException) -> Response | HTTPException:
        if error.response is not None or error.code is None or error.code < 400:
            return error
        answer = page(error.code)
        if isinstance(error, MethodNotAllowed):
            answer.allow.update(sorted(error.valid_methods or ()))
        return answer

    @app.errorhandler(SQLAlchemyError)
    def database(_error: SQLAlchemyError) -> Response:
        reference = secrets.token_hex(4)
        with context(reference=reference, path=request.path):
            log.exception("database_failed")  # noqa: LOG004  # Flask calls this inside its handler
        return page(503, reference)

    @app.errorhandler(Exception)
    def unknown(_error: Exception) -> Response:
        reference = secrets.token_hex(4)
        with context(reference=reference, path=request.path):
            log.exception("page_failed")  # noqa: LOG004  # Flask calls this inside its handler
        return page(500, reference)
