"""Whether what an order sets aside in a bucket can be taken back."""

from typing import Any

from winddown.domain.errors import Refused
from winddown.domain.plan import Method, Order
from winddown.stores.objects.abilities import Abilities, lists_all, shows_again
from winddown.stores.objects.bucket_facts import NEVER, deletes_noncurrent, required_versioning
from winddown.stores.objects.locks import locks_by_default


def require_reversible(
    client: Any, reader: Any, bucket: str, *, order: Order, abilities: Abilities, is_kept: bool
) -> None:
    """Raise Refused where the bucket would lose, lock or forget it; ``is_kept`` where no versions have to be kept."""
    status = required_versioning(client, bucket)
    if status != "Enabled" and (status != NEVER or not is_kept):
        raise Refused(
            f"order {order.id}: the bucket no longer keeps versions, so nothing in it can be set aside",
            rule="reversible until purge",
            next_step="switch versioning on, then plan again",
        )
    if deletes_noncurrent(reader, bucket):
        raise Refused(
            f"order {order.id}: a lifecycle rule would destroy what is set aside",
            rule="reversible until purge",
            next_step="suspend the rule, then clear the task",
        )
    locks = locks_by_default(client, bucket)
    if not locks and status == "Enabled" and not abilities.can(client, shows_again):
        raise Refused(
            f"order {order.id}: the service does not show an object again when what lies above it is taken away",
            rule="reversible until purge",
            next_step="copy the objects to a service that does, or into a bucket without versions, then plan again",
        )
    if not locks and status == "Enabled" and not abilities.can(client, lists_all):
        raise Refused(
            f"order {order.id}: the service leaves out versions where a listing goes on, so nobody sees what is left",
            rule="complete listing",
            next_step="copy the objects to a service that lists all that it holds, or into a bucket without versions, "
            "then plan again",
        )
    if order.method is not Method.DELETE_MARKER and locks:
        raise Refused(
            f"order {order.id}: the bucket locks what is written, so a rewritten object could not be taken back",
            rule="reversible until purge",
            next_step="remove the bucket's default retention until the case is certified, then clear the task",
        )
