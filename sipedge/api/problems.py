"""Errors of the HTTP faces as problem details (RFC 9457), with a member `field` added."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from sipedge.observability.logs import log_event

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """The request cannot be done, and this is the answer to it.

    `kind` is a stable word for programs (`unknown-ticket`), `title` the same for people, `detail`
    says what was found and what to send instead, `field` names the part of the request.
    """

    def __init__(
        self, status: int, kind: str, title: str, *, detail: str = "", field: str = ""
    ) -> None:
        super().__init__(f"{status} {kind}: {detail or title}")
        assert 400 <= status <= 599, status
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.field = field

    def to_response(self) -> web.Response:
        """Return the answer. All five members are always there."""
        body = {
            "type": f"urn:sipedge:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "field": self.field,
        }
        return web.json_response(body, status=self.status, content_type=CONTENT_TYPE)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into problem details; a fault of ours is logged."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.to_response()
    except ValidationError as error:
        return of_validation(error).to_response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = Problem(error.status, _kind_of(error.status), error.reason).to_response()
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except Exception as error:
        fields = {"path": request.path, "error": f"{type(error).__name__}: {error}"}
        log_event(logger, logging.ERROR, "request_failed", fields)
        logger.debug("the failure in full", exc_info=error)
        return Problem(
            500, "internal", "The edge failed", detail="The log of the edge says why."
        ).to_response()


def of_validation(error: ValidationError) -> Problem:
    """Return the problem that names the first wrong field of a request body."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return Problem(400, "bad-field", "A field is not right", detail=first["msg"], field=field)


def _kind_of(status: int) -> str:
    return _KINDS.get(status, "bad-request" if status < 500 else "internal")


_KINDS: Final = {404: "unknown-path", 405: "wrong-method", 413: "too-large"}
