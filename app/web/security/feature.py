"""Security's share of the web application."""

from app.web.feature import Feature
from app.web.live.registry import Registry
from app.web.security.api import API
from app.web.security.audit.api import API as AUDIT_API
from app.web.security.audit.pages import PAGES as AUDIT
from app.web.security.company import COMPANY
from app.web.security.masking.api import MASKING_API
from app.web.security.masking.routes import MASKING
from app.web.security.profile import PROFILE
from app.web.security.sign_in import SIGN_IN
from app.web.security.users import USERS


def register(_: Registry) -> None:
    """Nothing of these pages stays live."""


ROUTES = (*SIGN_IN, *COMPANY, *PROFILE, *USERS, *API, *AUDIT, *AUDIT_API, *MASKING, *MASKING_API)
SECURITY = Feature(routes=ROUTES, register=register)
