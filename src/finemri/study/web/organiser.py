"""Pages for the organiser: who is how far, links, unblinding, results and exports."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots
from finemri.study.organise import Study
from finemri.study.web.security import Keeper
from finemri.study.web.session import trials_of

Render = Callable[..., HTMLResponse]
Field = Annotated[str, Form()]
Known = Annotated[int, Path(ge=0, le=2**31 - 1)]
"""A reader's id, as large as databases count."""
CONFIRM = "unblind"
"""What the organiser types, so that nobody unblinds by a slip."""


def organiser_pages(study: Study, ballots: Ballots, keeper: Keeper, render: Render) -> APIRouter:
    """Everything below /organiser."""
    router = APIRouter(prefix="/organiser")
    computed: dict[int, dict[str, Any]] = {}

    @router.get("")
    def door(request: Request) -> Response:
        if keeper.session(request) is not None:
            return RedirectResponse("/organiser/readers", 303)
        return render("login.html", title=study.design.title, notice=None)

    @router.post("/login")
    def login(request: Request, password: Field = "") -> Response:
        keeper.check_site(request)
        if not keeper.opens(request, password):
            return render("login.html", title=study.design.title, notice="This is not the password.", status=403)
        response = RedirectResponse("/organiser/readers", 303)
        keeper.admit(response)
        return response

    @router.post("/logout")
    def logout(request: Request, csrf: Field = "") -> Response:
        keeper.check_form(request, keeper.demand(request), csrf)
        response = RedirectResponse("/organiser", 303)
        keeper.dismiss(request, response)
        return response

    @router.get("/readers")
    def readers(request: Request) -> Response:
        session = keeper.demand(request)
        return listed(session.csrf)

    def listed(csrf: str, *, link: str | None = None, notice: str | None = None, status: int = 200) -> Response:
        rows = [(reader, len(trials_of(study.design, reader.number))) for reader in ballots.readers()]
        about = {
            "title": study.design.title,
            "design": study.design,
            "unblinded": ballots.unblinded_at,
            "word": CONFIRM,
        }
        return render("readers.html", status=status, rows=rows, csrf=csrf, link=link, notice=notice, **about)

    def link_of(request: Request, token: str) -> str:
        base = request.base_url.replace(scheme="https") if keeper.tls else request.base_url
        return f"{base}r/{token}"

    @router.post("/invite")
    def invite(request: Request, csrf: Field = "", label: Field = "") -> Response:
        session = keeper.demand(request)
        keeper.check_form(request, session, csrf)
        try:
            _, token = ballots.invite(label)
        except Refusal as refusal:
            return listed(session.csrf, notice=str(refusal), status=422)
        return listed(session.csrf, link=link_of(request, token))

    @router.post("/readers/{reader}/link")
    def again(request: Request, reader: Known, csrf: Field = "") -> Response:
        session = keeper.demand(request)
        keeper.check_form(request, session, csrf)
        try:
            return listed(session.csrf, link=link_of(request, ballots.invite_again(reader)))
        except Refusal as refusal:
            return listed(session.csrf, notice=str(refusal), status=404)

    @router.post("/readers/{reader}/revoke")
    def revoke(request: Request, reader: Known, csrf: Field = "") -> Response:
        keeper.check_form(request, keeper.demand(request), csrf)
        ballots.revoke(reader)
        return RedirectResponse("/organiser/readers", 303)

    @router.post("/unblind")
    def unblind(request: Request, csrf: Field = "", confirm: Field = "") -> Response:
        session = keeper.demand(request)
        keeper.check_form(request, session, csrf)
        if confirm.strip().lower() != CONFIRM:
            return listed(session.csrf, notice=f"Nothing was unblinded; type {CONFIRM} to do it.", status=422)
        ballots.unblind()
        return RedirectResponse("/organiser/results", 303)

    @router.get("/results")
    def results(request: Request) -> Response:
        session = keeper.demand(request)
        if ballots.unblinded_at is None:
            raise HTTPException(403, "Results are shown after unblinding.")
        from finemri.study.results import of_criterion, of_readers  # statistics take seconds to load
        from finemri.study.tally import judged

        cast = ballots.ballots()
        key = len(ballots.history())
        if (found := computed.get(key)) is None:
            told = judged(study.design, cast)
            computed.clear()
            scored = any(each.trial.role == "main" for each in told)
            criteria = study.design.question.criteria if scored else ()
            means = {name: of_criterion(study.design, told, name) for name in criteria}
            found = computed[key] = {"criteria": means, **of_readers(study.design, told)}
        about = {"title": study.design.title, "question": study.design.question, "csrf": session.csrf}
        return render("results.html", **about, **found)

    @router.get("/export.{kind}")
    def export(request: Request, kind: str) -> Response:
        keeper.demand(request)
        if kind not in ("csv", "json"):
            raise HTTPException(404)
        from finemri.study.export import exported_csv, exported_json

        open_ = ballots.unblinded_at is not None
        if kind == "csv":
            content, media = exported_csv(study, ballots.history(), unblinded=open_), "text/csv"
        else:
            content = json.dumps(exported_json(study, ballots.history(), unblinded=open_), indent=1)
            media = "application/json"
        told = {"content-disposition": f'attachment; filename="ballots.{kind}"'}
        return Response(content, media_type=media, headers=told)

    return router
