"""What security adds to a running Signalbox: sign-in, profile, users, audit log, masking rules, and their API."""

from collections.abc import AsyncIterator

from litestar.di import Provide

from signalbox.core import Core
from signalbox.security.exposition import exposition
from signalbox.security.masking.errors import RulesNotLoaded
from signalbox.security.oidc.service import SingleSignOn
from signalbox.security.oidc.settings import OidcSettings
from signalbox.web.errors import ExpectedError
from signalbox.web.feature import FeatureParts
from signalbox.web.security import urls
from signalbox.web.security.api import API
from signalbox.web.security.audit.api import API as AUDIT_API
from signalbox.web.security.audit.routes import PAGES as AUDIT
from signalbox.web.security.banners import banners
from signalbox.web.security.masking.api import MASKING_API
from signalbox.web.security.masking.routes import PAGES as MASKING
from signalbox.web.security.navigation import navigation
from signalbox.web.security.profile import PROFILE
from signalbox.web.security.sign_in import SIGN_IN
from signalbox.web.security.sso import SSO_ROUTES
from signalbox.web.security.user_count import UserCount
from signalbox.web.security.users import PAGES as USERS
from signalbox.web.security.writes import WRITES
from signalbox.web.settings import ServerSettings
from signalbox.web.visibility import Visibility

ROUTES = (*SIGN_IN, *SSO_ROUTES, *PROFILE, *USERS, *API, *AUDIT, *AUDIT_API, *MASKING, *MASKING_API)


def security_parts(core: Core) -> FeatureParts:
    sso = _single_sign_on(core)
    user_count = UserCount(core.accounts)

    async def metrics(visibility: Visibility) -> AsyncIterator[bytes]:
        if visibility.is_everything:
            yield exposition(core.door)

    return FeatureParts(
        routes=ROUTES,
        writes=WRITES,
        dependencies={
            "accounts": Provide(lambda: core.accounts, sync_to_thread=False),
            "audit": Provide(lambda: core.audit, sync_to_thread=False),
            "keys": Provide(lambda: core.keys, sync_to_thread=False),
            "sso": Provide(lambda: sso, sync_to_thread=False),
            "masking": Provide(lambda: core.masking, sync_to_thread=False),
            "door": Provide(lambda: core.door, sync_to_thread=False),
        },
        urls=urls,
        navigation=navigation(lambda: user_count.users, lambda: core.masking.count),
        banners=lambda visibility: banners(visibility, core.masking, core.accounts.changes),
        metrics=metrics,
        expected_errors={RulesNotLoaded: ExpectedError(503)},
    )


def _single_sign_on(core: Core) -> SingleSignOn | None:
    settings = core.configuration.optional(OidcSettings)
    if settings is None:
        return None
    address = core.configuration.one(ServerSettings).address
    return SingleSignOn(
        settings, address, core.keys.sign_in(), accounts=core.accounts, door=core.door, clock=core.clock
    )
