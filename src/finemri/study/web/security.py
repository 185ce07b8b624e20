"""What every answer carries and every request has to bring. See docs/study-security.md for what it is against."""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from threading import Lock
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from finemri.study.doors import ROLE_HOURS, Doors, Role, Session

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
LARGEST = 64 * 1024
"""Bytes of a request: an answer with its log of windows has less than ten thousand."""
POLICY = "; ".join([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
])  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}
BROKEN = "The server failed. What you answered before is kept; reload the page to go on."
BRAKES = {"link": (20, 600.0), "password": (5, 900.0)}
"""So many failures from one address within so many seconds, and the door stays shut."""

STRANGE = "This form is not of this session; open the page again."
OUTSIDE: dict[Role, str] = {
    "reader": "Please open your own link to the study again.",
    "organiser": "You are not logged in, or no longer; open /organiser to log in.",
}


class Guarded:
    """ASGI: headers on every answer, no answer in a cache unless it says so itself, and no endless requests."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, tls: bool) -> None:
        self.app = app
        strict = {"strict-transport-security": "max-age=31536000"} if tls else {}
        self.headers = [(key.encode(), value.encode()) for key, value in (HEADERS | strict).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen, started = 0, False

        async def bounded() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > LARGEST:
                raise HTTPException(413, "This is more than an answer takes.")
            return message

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                known = {key.lower() for key, _ in message["headers"]}
                message["headers"] = [*message["headers"], *self.headers]
                if b"cache-control" not in known:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            await self.app(scope, bounded, guarded)
        except Exception:  # Starlette would answer from outside of us, without headers
            if not started:
                await PlainTextResponse(BROKEN, 500)(scope, receive, guarded)
            raise  # to the log


class Keeper:
    """Cookies, sessions, forms and brakes, for one role."""

    def __init__(self, doors: Doors, role: Role, *, tls: bool) -> None:
        self.doors, self.role, self.tls = doors, role, tls
        self.cookie = ("__Host-" if tls else "") + f"finemri_{role}"
        self.guessing = Lock()

    def admit(self, response: Response, reader: int | None = None) -> None:
        """A session, in a cookie that scripts can't read and other sites can't send."""
        token = self.doors.open_session(self.role, reader)
        told: dict[str, Any] = {
            "max_age": int(3600 * ROLE_HOURS[self.role]),
            "path": "/",
            "secure": self.tls,
            "httponly": True,
        }
        if self.role == "organiser":
            response.set_cookie(self.cookie, token, samesite="strict", **told)
        else:  # a link in a mail has to arrive with its cookie
            response.set_cookie(self.cookie, token, samesite="lax", **told)

    def dismiss(self, request: Request, response: Response) -> None:
        """End the session."""
        self.doors.close_session(request.cookies.get(self.cookie, ""))
        response.delete_cookie(self.cookie, path="/", secure=self.tls, httponly=True)

    def session(self, request: Request) -> Session | None:
        """Whoever it is, if anybody."""
        token = request.cookies.get(self.cookie)
        return self.doors.session(token, self.role) if token else None

    def demand(self, request: Request) -> Session:
        """The session. Raises 401 without one."""
        session = self.session(request)
        if session is None:
            raise HTTPException(401, OUTSIDE[self.role])
        return session

    def check_form(self, request: Request, session: Session, csrf: str) -> None:
        """Raises 403 for a form that another site made."""
        self.check_site(request)
        if not secrets.compare_digest(csrf.encode(errors="replace"), session.csrf.encode()):
            raise HTTPException(403, STRANGE)

    def check_site(self, request: Request) -> None:
        """Raises 403 for what a browser says another site sent."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise HTTPException(403, STRANGE)

    def check_brake(self, request: Request, door: str) -> None:
        """Raises 429 where somebody guesses."""
        if self.doors.is_braked(_key(request, door), *BRAKES[door]):
            raise HTTPException(429, "Too many attempts from here; wait a quarter of an hour.")

    def opens(self, request: Request, password: str) -> bool:
        """Whether it is the organiser's; one guess at a time, so that the brake counts them all and argon2's memory
        is taken once. Raises 429 where somebody guesses."""
        with self.guessing:
            self.check_brake(request, "password")
            if right := self.doors.check_password(password):
                return right
            self.failed(request, "password")
            return False

    def failed(self, request: Request, door: str) -> None:
        """Remember that somebody guessed wrong."""
        self.doors.failed(_key(request, door))


def _key(request: Request, door: str) -> str:
    return f"{door} {request.client.host if request.client else ''}"
