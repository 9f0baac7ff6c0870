"""The area for curators: an inbox, claims to review, suggested edits and the history of decisions.

It writes decisions only; the next build applies them. Each form has the token of its session and needs no script.
"""

from __future__ import annotations

import json
import re
import secrets
from http import HTTPStatus
from itertools import islice
from typing import Any

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response

from cybilgraph.errors import CybilgraphError, SuggestionError
from cybilgraph.identity.decisions import Decision, Verdict, checksum, describe_decision, kind_of
from cybilgraph.model.findings import SEVERITIES
from cybilgraph.pipeline.review_queue import ROLES, OpenClaim, name_span
from cybilgraph.release.manifest import REPORT
from cybilgraph.release.report_file import read_findings
from cybilgraph.web.api.current_request import live, page_in_url, short_form, site
from cybilgraph.web.checker.submissions import Output, Submission
from cybilgraph.web.curator_logins import MAX_NAME_CHARS, MAX_PASSWORD_CHARS, CuratorAccess, Session
from cybilgraph.web.pages.check_form import edit_base, ensure_same_origin, run_checker
from cybilgraph.web.review_desk import ReviewDesk
from cybilgraph.web.server.render_queue import yield_turn
from cybilgraph.web.suggestions import (
    MAX_COMMENT_CHARS,
    Suggestion,
    SuggestionQueue,
    column_of,
    decide_answer,
    decided_since,
    removal_step,
)

ROOT = "/curate"
blueprint = Blueprint("curation", __name__, url_prefix=ROOT)

#: The headers of the curator area, whose pages nobody else may see, store or index.
HEADERS = {
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}
_LOCAL_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
#: The number of decisions in the inbox, the number on a page of the history, and the last page.
_RECENT, _PAGE_ROWS, _MAX_PAGE = 10, 50, 1_000


def is_private(path: str) -> bool:
    """Return whether the path of a request is in the area."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def _access() -> CuratorAccess:
    found: CuratorAccess = site("access")
    return found


def _desk() -> ReviewDesk:
    found: ReviewDesk = site("desk")
    return found


def _session() -> Session:
    found: Session = g.session
    return found


def _cookie() -> str:
    """Return the name of the session cookie: with this prefix, browsers accept it over TLS only (RFC 6265bis)."""
    return "__Secure-curator" if request.is_secure else "curator"


@blueprint.before_request
def _require_session() -> Response | None:
    """Let only curators in, and accept only forms of their own session. Raises Forbidden."""
    if request.method == "POST":
        ensure_same_origin()
    if request.endpoint == "curation.login":
        return None
    if not (session := _access().session(request.cookies.get(_cookie(), ""))):
        return redirect(url_for("curation.login"), HTTPStatus.SEE_OTHER)
    given = short_form().get("token", "") if request.method == "POST" else session.token
    if not secrets.compare_digest(given.encode(errors="replace"), session.token.encode()):
        raise Forbidden("This form belongs to an earlier session. Go back, reload the page, and try again")
    g.session = session
    return None


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Response:
    """Show the form to log in, or start a session. Raises Forbidden, TooManyRequests."""
    if not request.is_secure and not _LOCAL_HOST.fullmatch(request.host):
        raise Forbidden("Logging in requires HTTPS. Operators: set --public-url to the https URL of the site")
    if request.method != "POST":
        return make_response(render_template("curate-login.html", name_chars=MAX_NAME_CHARS))
    name, password = short_form().get("name", "").strip(), short_form().get("password", "")
    is_possible = len(name) <= MAX_NAME_CHARS and len(password) <= MAX_PASSWORD_CHARS
    session_id = _access().log_in(name if is_possible else "", password, request.remote_addr or "")
    if not session_id:
        page = render_template("curate-login.html", name_chars=MAX_NAME_CHARS, is_refused=True)
        return make_response(page, HTTPStatus.FORBIDDEN)
    _access().log_out(request.cookies.get(_cookie(), ""))
    response = redirect(url_for("curation.inbox"), HTTPStatus.SEE_OTHER)
    # A session cookie of the browser; the server decides when the session ends.
    response.set_cookie(_cookie(), session_id, path=ROOT, secure=request.is_secure, httponly=True, samesite="Strict")
    return response


@blueprint.post("/logout")
def logout() -> Response:
    """End the session."""
    _access().log_out(request.cookies[_cookie()])
    response = redirect(url_for("curation.login"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(_cookie(), path=ROOT, secure=request.is_secure, httponly=True, samesite="Strict")
    return response


def _page(template: str, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> Response:
    page = render_template(template, session=_session(), describe=describe_decision, queue=_suggestions(), **context)
    return make_response(page, status)


# ---- inbox and history -------------------------------------------------------------------------


@blueprint.get("")
def inbox() -> Response:
    """Show what is waiting for a curator, and the latest decisions."""
    release = live().current.release
    claims, decided = _desk().claims(release)
    recent, _ = _desk().history(0, _RECENT)
    waiting = _suggestions()
    return _page(
        "curate-inbox.html", claims=len(claims) - len(decided), changed=len(_desk().changed(release)),
        suggestions=len(waiting.ids()) if waiting else 0,
        findings=_finding_counts(), decisions=recent,
    )  # fmt: skip


@blueprint.get("/history")
def history() -> Response:
    """List all decisions, newest first."""
    return _history()


def _history(notice: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    page = page_in_url(_MAX_PAGE)
    decisions, total = _desk().history((page - 1) * _PAGE_ROWS, _PAGE_ROWS)
    return _page("curate-history.html", status, decisions=decisions, page=page, pages=_pages(total), notice=notice)


def _pages(rows: int) -> int:
    return min(-(-rows // _PAGE_ROWS), _MAX_PAGE)


@blueprint.post("/undo")
def undo() -> Response:
    """Withdraw a decision of this curator, and show its claim again if it was on the page of claims."""
    given = short_form().get("decision", "")
    undone = _desk().undo(given, _session().name)
    _session().decided = [(claim, one) for claim, one in _session().decided if one.id != given]
    claim = short_form().get("claim")
    if not undone:
        show = _claims if claim else _history
        return show(
            notice="Nothing was withdrawn: this decision is another curator’s, or has already been withdrawn.",
            status=HTTPStatus.CONFLICT,
        )
    return redirect(
        url_for("curation.claims", claim=claim) if claim else url_for("curation.history"), HTTPStatus.SEE_OTHER
    )


# ---- findings ----------------------------------------------------------------------------------


@blueprint.get("/findings")
def findings() -> Response:
    """List the findings of the current release with the severity ``severity``, or all."""
    release, page, wanted = live().current.release, page_in_url(_MAX_PAGE), request.args.get("severity", "")
    counts = _finding_counts()
    if wanted not in counts:
        wanted = ""
    with yield_turn():
        found = read_findings(release.folder / REPORT, **({"severity": wanted} if wanted else {}))
        chosen = list(islice(found, (page - 1) * _PAGE_ROWS, page * _PAGE_ROWS))
    total = counts[wanted] if wanted else sum(counts.values())
    return _page(
        "curate-findings.html", findings=chosen, counts=counts, severity=wanted, total=total, page=page,
        pages=_pages(total),
    )  # fmt: skip


def _finding_counts() -> dict[str, int]:
    """Return the number of findings of each severity in the current release, the most serious first."""
    found = live().current.release.manifest["counts"].get("findings", {})
    return {one.value: found.get(one.value, 0) for one in SEVERITIES}


# ---- claims ------------------------------------------------------------------------------------


@blueprint.get("/claims")
def claims() -> Response:
    """Show the claim with the id ``claim``, the next open one after ``after``, or the first open one."""
    return _claims(request.args.get("claim", ""), request.args.get("after", ""))


def _claims(wanted: str = "", after: str = "", notice: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    found, decided = _desk().claims(live().current.release)
    names = list(found)
    start = names.index(after) + 1 if after in found else 0
    chosen = next((name for name in names[start:] if name not in decided), "")
    if wanted in found and wanted not in decided:
        chosen = wanted
    one = found.get(chosen)
    return _page(
        "curate-claims.html", status, one=one, id=chosen, notice=notice, done=len(decided), total=len(found),
        sentences=[_marked(sentence, one) for sentence in one.claim.sentences] if one else [],
        roles=ROLES if one and kind_of(one.claim.field) == "actor" else (),
    )  # fmt: skip


def _marked(sentence: str, one: OpenClaim) -> tuple[str, str, str]:
    """Return the sentence in three parts: the second is the name that the claim is about."""
    start, end = name_span(sentence, one.name, one.claim.key, one.claim.field)
    return sentence[:start], sentence[start:end], sentence[end:]


@blueprint.post("/claims")
def decide() -> Response:
    """Decide on a claim, and show the next one."""
    name, answer = short_form().get("claim", ""), short_form().get("answer", "")
    release = live().current.release
    one = _desk().claims(release)[0].get(name)
    if not one:
        notice = "This claim is no longer in the current release, so your answer was not stored."
        return _claims(notice=notice, status=HTTPStatus.CONFLICT)
    who = _session().name
    if answer in (Verdict.YES, Verdict.NO):
        decision = one.decide(who, Verdict(answer))
    elif answer in ROLES and kind_of(one.claim.field) == "actor":
        decision = one.decide(who, Verdict.INSTEAD, new_field=answer)
    else:
        return _claims(name, notice="Choose one of the answers.", status=HTTPStatus.UNPROCESSABLE_ENTITY)
    stored = _desk().decide(release, name, decision)
    if not (stored.who == who and stored.agrees(decision)):
        others = "You have" if stored.who == who else f"{stored.who} has"
        what = describe_decision(stored)
        notice = f"{others} already decided on this claim, so this answer was not stored. The earlier decision: {what}"
        return _claims(after=name, notice=notice, status=HTTPStatus.CONFLICT)
    if stored.id not in [earlier.id for _, earlier in _session().decided]:
        _session().note(name, stored)
    return redirect(url_for("curation.claims", after=name), HTTPStatus.SEE_OTHER)


# ---- changed texts -----------------------------------------------------------------------------


#: What becomes of a decision whose text has changed, by answer.
_SETTLED = {"keep": Verdict.YES, "withdraw": Verdict.UNDO}


@blueprint.get("/changed")
def changed() -> Response:
    """List the decisions whose text has changed since."""
    return _changed()


def _changed(notice: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    return _page("curate-changed.html", status, changed=_desk().changed(live().current.release), notice=notice)


@blueprint.post("/changed")
def settle() -> Response:
    """Keep or withdraw a decision whose text has changed."""
    answer, decision = short_form().get("answer", ""), short_form().get("decision", "")
    if answer not in _SETTLED:
        return _changed("Choose one of the answers.", HTTPStatus.UNPROCESSABLE_ENTITY)
    if not _desk().settle(live().current.release, decision, _session().name, _SETTLED[answer]):
        return _changed(
            "Your answer was not stored: this decision has been replaced or withdrawn meanwhile.", HTTPStatus.CONFLICT
        )
    return redirect(url_for("curation.changed"), HTTPStatus.SEE_OTHER)


# ---- suggestions -------------------------------------------------------------------------------


def _suggestions() -> SuggestionQueue | None:
    found: SuggestionQueue | None = site("suggestions")
    return found


def _queue() -> SuggestionQueue:
    if queue := _suggestions():
        return queue
    raise NotFound("This server does not accept suggestions")


@blueprint.get("/suggestions")
def suggestions() -> Response:
    """List the pending suggestions, oldest first."""
    pending, damaged = [], []
    for name in _queue().ids():
        try:
            pending.append(_queue().get(name))
        except SuggestionError as error:  # damaged, or reviewed meanwhile
            damaged.append(error.what)
    return _page("curate-suggestions.html", pending=pending, damaged=damaged)


@blueprint.route("/suggestions/<name>", methods=["GET", "POST"])
def suggestion(name: str) -> Response:
    """Show what a suggestion changes, or accept some of it, or reject it."""
    try:
        edit = _queue().get(name)
    except SuggestionError:
        raise NotFound("This suggestion is no longer pending: it has been accepted or rejected") from None
    if request.method != "POST":
        return _suggestion(edit)
    if "reject" in short_form():
        reason = short_form().get("reason", "").strip()[:MAX_COMMENT_CHARS]
        if not reason:
            return _suggestion(edit, "Give a reason. It is stored with the suggestion.")
        _queue().reject(name, reason)
    else:
        found, _, _, _ = _proposed(edit)
        wanted = short_form().getlist("accept")
        chosen = [one for one in found if _key(one) in wanted]
        if not chosen or len(chosen) < len(wanted):
            return _suggestion(edit, "Select the decisions to accept, or reject the suggestion.")
        try:
            _queue().accept_some(name, _desk().folder, chosen, short_form().getlist("conflict"))
        except SuggestionError as error:
            return _suggestion(edit, f"{error.what}. {error.hint}")
    return redirect(url_for("curation.suggestions"), HTTPStatus.SEE_OTHER)


def _suggestion(edit: Suggestion, notice: str = "") -> Response:
    found, conflicts, diff, problem = _proposed(edit)
    columns = [column_of(one) for one in found]
    rows = [(_key(one), one, name, name in conflicts) for one, name in zip(found, columns, strict=True)]
    status = HTTPStatus.UNPROCESSABLE_ENTITY if notice else HTTPStatus.OK
    step = removal_step(edit) if edit.is_removal else ""
    return _page(
        "curate-suggestion.html", status, edit=edit, rows=rows, diff=diff, problem=problem, notice=notice, step=step
    )


def _proposed(edit: Suggestion) -> tuple[list[Decision], list[str], list[str], str]:
    """Return the decisions that accept a suggestion, the columns with a conflict, its diff, and the problem, if any.

    A sandboxed worker reads the record: a stranger wrote it.
    """
    if edit.is_removal:
        return [], [], [], ""
    if edit.field:
        answered = [decide_answer(edit, _session().name)]
        return answered, decided_since(edit, answered, _desk().folder), [], ""
    try:
        _, base, current_name = edit_base(edit.project)
        given = {"project": edit.project, "title": edit.title, "comment": edit.comment, "sender": edit.sender}
        given |= {"current": base.text, "current_name": current_name}
        sent = Submission(edit.name, edit.text.encode(errors="replace"), base=edit.base.text, edit=given)
        answer = json.loads(run_checker(sent, (Output.DECISIONS,)).parts[Output.DECISIONS])
    except (CybilgraphError, NotFound) as error:
        return [], [], [], getattr(error, "what", "This project is no longer in the current release.")
    who = {"who": _session().name}
    found = [Decision(**one | who | {"verdict": Verdict(one["verdict"])}) for one in answer["decisions"]]
    conflicts = [*answer["conflicts"], *decided_since(edit, found, _desk().folder)]
    return found, conflicts, answer["diff"], answer["problem"]


def _key(one: Decision) -> str:
    return checksum(f"{one.subject}\n{one.verdict}\n{one.new_value}")[:16]
