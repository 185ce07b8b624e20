"""The web application of one study."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from finemri.study.ballots import Ballots
from finemri.study.doors import Doors
from finemri.study.organise import Study
from finemri.study.web.organiser import organiser_pages
from finemri.study.web.reader import reader_pages
from finemri.study.web.security import Guarded, Keeper

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SENTENCES = {
    403: "This is not for you to see.",
    404: "There is nothing here.",
    405: "There is nothing here.",
}


def app_of(study: Study, ballots: Ballots, *, tls: bool = False, names: Sequence[str] = LOOPBACK) -> FastAPI:
    """``tls``: whether browsers come by https, so that cookies travel by nothing else. ``names``: hosts that the study
    is called by; any other is refused."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    doors = Doors(ballots)
    pages = Environment(loader=PackageLoader("finemri.study.web"), autoescape=True, undefined=StrictUndefined)
    pages.filters["moment"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(timespec="minutes")

    def render(name: str, *, status: int = 200, **told: Any) -> HTMLResponse:
        return HTMLResponse(pages.get_template(name).render(**told), status)

    app.include_router(reader_pages(study, ballots, Keeper(doors, "reader", tls=tls), render))
    app.include_router(organiser_pages(study, ballots, Keeper(doors, "organiser", tls=tls), render))
    files = static_files()

    @app.get("/")
    def home() -> Response:
        return RedirectResponse("/study", 303)

    @app.get("/static/{name}")
    def static(request: Request, name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        content, kind, tag = files[name]
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    @app.exception_handler(StarletteHTTPException)
    def failed(_: Request, error: StarletteHTTPException) -> Response:
        said = error.detail if error.status_code in (401, 403, 404, 413, 429) and "." in error.detail else None
        message = said or SENTENCES.get(error.status_code, "This did not work; open your link again.")
        page = render("message.html", status=error.status_code, title=study.design.title, message=message)
        page.headers.update(error.headers or {})  # a 405 says what is allowed
        return page

    @app.exception_handler(RequestValidationError)
    def odd(_: Request, __: RequestValidationError) -> Response:
        return render("message.html", status=422, title=study.design.title, message="This address is not complete.")

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*names], www_redirect=False)
    app.add_middleware(Guarded, tls=tls)
    return app


def static_files() -> Mapping[str, tuple[bytes, str, str]]:
    """Name -> content, type and tag of everything that browsers may fetch without being anybody."""
    found = {}
    for entry in resources.files("finemri.study.web").joinpath("static").iterdir():
        kind = KINDS.get(entry.name[entry.name.rfind(".") :])
        if entry.is_file() and kind:
            content = entry.read_bytes()
            found[entry.name] = (content, kind, f'"{sha256(content).hexdigest()[:32]}"')
    return found
