"""Monitoring's share of the web application: its pages, its API, its live fragments."""

from app.web.feature import Feature
from app.web.monitoring.api import API
from app.web.monitoring.fragments import register
from app.web.monitoring.pages import PAGES

MONITORING = Feature(routes=(*PAGES, *API), register=register)
