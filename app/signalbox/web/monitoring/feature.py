"""Monitoring's share of the web application: its pages, its API, its live fragments."""

from signalbox.web.feature import Feature
from signalbox.web.monitoring.api import API
from signalbox.web.monitoring.fragments import register
from signalbox.web.monitoring.pages import PAGES

MONITORING = Feature(routes=(*PAGES, *API), register=register)
