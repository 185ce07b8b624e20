"""Pages for readers: the door, the trial, the answer, the pause, the pictures."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from finemri.refusal import Refusal
from finemri.study.ballots import Ballots, Outcome, Reader
from finemri.study.doors import Session
from finemri.study.organise import Study
from finemri.study.web.forms import read_answer, trial_of
from finemri.study.web.security import OUTSIDE, Keeper
from finemri.study.web.session import can_go_back, picture_behind, step_of, trials_of

Render = Callable[..., HTMLResponse]
NOTICES = {
    "already": "That trial was answered before; this is the next one.",
    "revised": "Your change was stored.",
    "early": "Please answer this trial first.",
}


def reader_pages(study: Study, ballots: Ballots, keeper: Keeper, render: Render) -> APIRouter:
    """Everything below /r, /study and /picture."""
    router = APIRouter()

    def reader_of(request: Request) -> tuple[Session, Reader]:
        session = keeper.demand(request)
        reader = None if session.reader is None else ballots.reader(session.reader)
        if reader is None:
            raise HTTPException(401, OUTSIDE["reader"])
        return session, reader

    @router.get("/r/{token}")
    def enter(request: Request, token: str) -> Response:
        keeper.check_brake(request, "link")
        reader = ballots.reader_of(token)
        if reader is None:
            keeper.failed(request, "link")
            raise HTTPException(404, "This link opens no study; ask whoever invited you for a new one.")
        response = RedirectResponse("/study", 303)
        keeper.admit(response, reader.id)
        return response

    @router.get("/study")
    def trial(request: Request, back: int = 0, begin: int = 0, notice: str = "") -> Response:
        session, reader = reader_of(request)
        return page_of(session, reader, back=bool(back), begin=bool(begin), notice=NOTICES.get(notice))

    def page_of(
        session: Session,
        reader: Reader,
        *,
        back: bool = False,
        begin: bool = True,
        notice: str | None = None,
        status: int = 200,
    ) -> Response:
        step = step_of(study, ballots, reader, back=back)
        common: dict[str, Any] = {"title": study.design.title, "csrf": session.csrf, "notice": notice}
        going_back = can_go_back(ballots, reader)
        if step is None:
            return render("done.html", can_go_back=going_back, **common)
        if step.trial == 0 and not begin and not back:
            trials = trials_of(study.design, reader.number)
            training = sum(each.role == "training" for each in trials)
            about = {"question": study.design.question, "view": study.view, "total": len(trials), "training": training}
            return render("welcome.html", **about, **common)
        return render("trial.html", status=status, can_go_back=going_back and not step.back, **common, **step.page)

    @router.post("/study/answer")
    async def answer(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        form = await request.form(max_files=0, max_fields=100)
        return await run_in_threadpool(store, request, {key: str(value) for key, value in form.items()})

    def store(request: Request, form: dict[str, str]) -> Response:
        session, reader = reader_of(request)
        keeper.check_form(request, session, form.get("csrf", ""))
        trials = trials_of(study.design, reader.number)
        try:
            number = trial_of(form)
            if not 0 <= number < len(trials):
                raise Refusal("There is no such trial; open the page again.")
            sent = read_answer(form, study.design.question, len(trials[number].shown))
        except Refusal as refusal:
            return page_of(session, reader, notice=str(refusal), back=form.get("back") == "1", status=422)
        outcome = ballots.cast(reader.id, sent.trial, sent.answer, sent.seconds, sent.log, back=sent.back)
        told = {Outcome.ALREADY: "already", Outcome.REVISED: "revised", Outcome.TOO_EARLY: "early"}.get(outcome)
        return RedirectResponse("/study?begin=1" + (f"&notice={told}" if told else ""), 303)

    @router.post("/study/pause")
    def pause(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        session, reader = reader_of(request)
        keeper.check_form(request, session, csrf)
        total = len(trials_of(study.design, reader.number))
        return render("paused.html", title=study.design.title, answered=ballots.position(reader.id), total=total)

    @router.get("/picture/{name}")
    def picture(request: Request, name: str) -> Response:
        _, reader = reader_of(request)
        content = picture_behind(study, ballots, reader, name)
        if content is None:
            raise HTTPException(404)
        return Response(content, media_type="application/octet-stream")

    return router
