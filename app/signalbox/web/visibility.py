"""What an actor may see. Pages, the API, the palette, metrics and live fragments contain nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass

from signalbox.security.model import Actor, Role


@dataclass(frozen=True, slots=True)
class Visibility:
    """What an actor may see. Resources are connections, by name; None: all of them."""

    actor: Actor
    resources: frozenset[str] | None

    def sees(self, resource: str | None) -> bool:
        """Say whether the actor may see a resource; None: an item that belongs to no resource."""
        return resource is None or self.resources is None or resource in self.resources

    @property
    def is_everything(self) -> bool:
        """Whether the actor may see all resources, including those added later."""
        return self.resources is None and self.actor.rights.role() >= Role.VIEWER


def visibility_of(actor: Actor, resources: Iterable[str]) -> Visibility:
    """Return what the actor may see of these resources."""
    all_resources = frozenset(resources)
    visible = actor.rights.visible(all_resources)
    return Visibility(actor, None if visible == all_resources else visible)
