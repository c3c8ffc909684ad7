"""/api/v1/masking-rules, for admins everywhere."""

import asyncio
from collections import Counter
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from signalbox.security.masking.engine import HiddenBody, JsonBody
from signalbox.security.masking.model import MaskedText, target_text
from signalbox.security.masking.service import ListedRule
from signalbox.security.masking.trial import Trial
from signalbox.security.model import REASON_LENGTH_MAX
from signalbox.web import urls
from signalbox.web.access import OWN
from signalbox.web.errors import problems
from signalbox.web.security.masking import deeds
from signalbox.web.security.masking import resources as r
from signalbox.web.security.masking.desk import DESK, Desk
from signalbox.web.security.masking.drafts import UNNAMED, Asked, Draft, tried
from signalbox.web.security.masking.sent import REQUEST_BYTES_MAX

TAGS = ["masking"]
RULES = f"{urls.API}/masking-rules"
TRY = f"{RULES}/try"
ONE = [f"{RULES}/{{name:str}}", TRY]  # a rule may be named try too


@get(
    RULES,
    tags=TAGS,
    dependencies=DESK,
    responses=problems(403),
    sync_to_thread=False,
    summary="All masking rules, in the order in which they win",
)
def api_masking_rules(desk: NamedDependency[Desk]) -> r.MaskingRulesOut:
    return r.MaskingRulesOut(items=tuple(map(_rule_out, desk.masking.rules())), hits_since=desk.masking.counting_since)


@post(RULES, tags=TAGS, dependencies=DESK, responses=problems(403, 409), summary="Add a masking rule after all others")
async def api_add_masking_rule(desk: NamedDependency[Desk], data: JSONBody[r.MaskingRuleIn]) -> r.MaskingRuleOut:
    await deeds.add(desk, _draft(data, data.name).rule(), data.reason)
    return _rule_out(desk.rule(data.name))


@patch(
    ONE, tags=TAGS, dependencies=DESK, responses=problems(403, 404, 409), summary="Give a masking rule another number"
)
async def api_move_masking_rule(
    desk: NamedDependency[Desk], data: JSONBody[r.MaskingRulePatch], name: FromPath[str] = "try"
) -> r.MaskingRuleOut:
    desk.rule(name)
    await deeds.move(desk, name, data.number, data.reason)
    return _rule_out(desk.rule(name))


@delete(ONE, tags=TAGS, dependencies=DESK, responses=problems(403, 404, 409), summary="Remove a masking rule")
async def api_remove_masking_rule(
    desk: NamedDependency[Desk],
    name: FromPath[str] = "try",
    reason: Annotated[
        str, QueryParameter(description="kept in the audit log; must be given", max_length=REASON_LENGTH_MAX)
    ] = "",
) -> None:
    desk.rule(name)
    await deeds.remove(desk, name, reason)


@post(
    TRY,
    tags=TAGS,
    dependencies=DESK,
    responses=problems(403, 413),
    opt=OWN,
    status_code=200,
    request_max_body_size=REQUEST_BYTES_MAX,
    summary="What others would see of a sample, by the rules there are and one being written; nothing is kept",
)
async def api_try_masking_rule(desk: NamedDependency[Desk], data: JSONBody[r.TrialIn]) -> r.TrialOut:
    draft = _draft(data.rule, UNNAMED) if data.rule else None
    asked = Asked(sample=data.sample, source=data.source, kind=data.type, draft=draft, only=data.only)
    found = await asyncio.to_thread(tried, desk, asked)  # tens of thousands of values take a third of a second
    return _trial_out(found.trial)


def _draft(texts: r.RuleTexts, name: str) -> Draft:
    return Draft(name=name, destinations=texts.destinations, types=texts.types, what=texts.what, how=texts.how)


def _rule_out(one: ListedRule) -> r.MaskingRuleOut:
    return r.MaskingRuleOut(
        number=one.number,
        name=one.rule.name,
        destinations=one.rule.destinations,
        types=one.rule.types,
        what=tuple(map(target_text, one.rule.what)),
        how=one.rule.how.text,
        hits=one.hits,
        set_by=one.created_by,
        made_at=one.created_at,
    )


def _trial_out(trial: Trial) -> r.TrialOut:
    body, hidden_because = trial.body, None
    shown: str | None = None
    by: Counter[int] = Counter()
    if isinstance(body, HiddenBody):
        hidden_because = body.why.value
        by[body.rule] = 1
    elif isinstance(body, JsonBody):
        shown = body.encoded().decode()
        by.update(line.rule for line in trial.lines if line.rule is not None)
    elif isinstance(body, MaskedText):
        shown = body.text
        by.update(part.rule for part in body.parts if part.rule is not None)
    return r.TrialOut(
        body=shown,
        hidden_because=hidden_because,
        by=tuple(
            r.MaskedByOut(number=None if number == trial.candidate else number, values=by[number])
            for number in sorted(by)
        ),
        masked=trial.masked,
        fields=trial.fields,
        took_ms=trial.took_ms,
    )


MASKING_API = (
    api_masking_rules,
    api_add_masking_rule,
    api_move_masking_rule,
    api_remove_masking_rule,
    api_try_masking_rule,
)
