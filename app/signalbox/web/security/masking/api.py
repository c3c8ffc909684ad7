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
from signalbox.web.access import WRITABLE_IN_READ_ONLY
from signalbox.web.errors import problems
from signalbox.web.security.masking import audit_actions, schemas
from signalbox.web.security.masking.dependencies import MASKING_ADMIN, MaskingAdmin
from signalbox.web.security.masking.forms import REQUEST_BYTES_MAX
from signalbox.web.security.masking.rule_draft import UNNAMED, RuleDraft, TrialRequest, run_trial

TAGS = ["masking"]
RULES = f"{urls.API}/masking-rules"
TRY = f"{RULES}/try"
RULE = [f"{RULES}/{{name:str}}", TRY]  # a rule may be named "try" too


@get(
    RULES,
    tags=TAGS,
    dependencies=MASKING_ADMIN,
    responses=problems(403),
    sync_to_thread=False,
    summary="List masking rules; the first match wins",
)
def api_masking_rules(admin: NamedDependency[MaskingAdmin]) -> schemas.MaskingRulesOut:
    rules = tuple(map(_rule_out, admin.masking.rules()))
    return schemas.MaskingRulesOut(items=rules, hits_since=admin.masking.counting_since)


@post(
    RULES,
    tags=TAGS,
    dependencies=MASKING_ADMIN,
    responses=problems(403, 409),
    summary="Add a masking rule after all existing rules",
)
async def api_add_masking_rule(
    admin: NamedDependency[MaskingAdmin], data: JSONBody[schemas.MaskingRuleIn]
) -> schemas.MaskingRuleOut:
    await audit_actions.add_rule(admin, _draft(data, data.name).rule(), data.reason)
    return _rule_out(admin.rule(data.name))


@patch(
    RULE,
    tags=TAGS,
    dependencies=MASKING_ADMIN,
    responses=problems(403, 404, 409),
    summary="Move a masking rule to another position",
)
async def api_move_masking_rule(
    admin: NamedDependency[MaskingAdmin], data: JSONBody[schemas.MaskingRulePatch], name: FromPath[str] = "try"
) -> schemas.MaskingRuleOut:
    admin.rule(name)
    await audit_actions.move_rule(admin, name, data.number, data.reason)
    return _rule_out(admin.rule(name))


@delete(RULE, tags=TAGS, dependencies=MASKING_ADMIN, responses=problems(403, 404, 409), summary="Remove a masking rule")
async def api_remove_masking_rule(
    admin: NamedDependency[MaskingAdmin],
    name: FromPath[str] = "try",
    reason: Annotated[
        str, QueryParameter(description="Required; recorded in the audit log.", max_length=REASON_LENGTH_MAX)
    ] = "",
) -> None:
    admin.rule(name)
    await audit_actions.remove_rule(admin, name, reason)


@post(
    TRY,
    tags=TAGS,
    dependencies=MASKING_ADMIN,
    responses=problems(403, 413),
    opt=WRITABLE_IN_READ_ONLY,
    status_code=200,
    request_max_body_size=REQUEST_BYTES_MAX,
    summary="Test the existing rules and a new one on a sample; nothing is stored",
)
async def api_try_masking_rule(
    admin: NamedDependency[MaskingAdmin], data: JSONBody[schemas.TrialIn]
) -> schemas.TrialOut:
    draft = _draft(data.rule, UNNAMED) if data.rule else None
    request = TrialRequest(sample=data.sample, source=data.source, kind=data.type, draft=draft, only=data.only_new_rule)
    result = await asyncio.to_thread(run_trial, admin, request)  # 32,000 values take a third of a second
    return _trial_out(result.trial)


def _draft(texts: schemas.RuleTexts, name: str) -> RuleDraft:
    return RuleDraft(name=name, destinations=texts.destinations, types=texts.types, what=texts.what, how=texts.how)


def _rule_out(listed: ListedRule) -> schemas.MaskingRuleOut:
    rule = listed.rule
    return schemas.MaskingRuleOut(
        number=listed.number,
        name=rule.name,
        destinations=rule.destinations,
        types=rule.types,
        what=tuple(map(target_text, rule.what)),
        how=rule.how.text,
        hits=listed.hits,
        set_by=listed.created_by,
        created_at=listed.created_at,
    )


def _trial_out(trial: Trial) -> schemas.TrialOut:
    body, hidden_reason = trial.body, None
    text: str | None = None
    masked_by: Counter[int] = Counter()
    if isinstance(body, HiddenBody):
        hidden_reason = body.why.value
        masked_by[body.rule] = 1
    elif isinstance(body, JsonBody):
        text = body.encoded().decode()
        masked_by.update(line.rule for line in trial.lines if line.rule is not None)
    elif isinstance(body, MaskedText):
        text = body.text
        masked_by.update(part.rule for part in body.parts if part.rule is not None)
    return schemas.TrialOut(
        body=text,
        hidden_reason=hidden_reason,
        masked_by=tuple(
            schemas.MaskedByOut(number=None if number == trial.candidate else number, values=masked_by[number])
            for number in sorted(masked_by)
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
