"""The list of features: the only place that changes when a feature is added."""

from signalbox.features.feature import Feature
from signalbox.features.monitoring import MONITORING
from signalbox.features.security import SECURITY

FEATURES: tuple[Feature, ...] = (MONITORING, SECURITY)
