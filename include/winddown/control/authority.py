"""Mints and spends authorizations. Nothing else in the product can.

Design, idea 1: the DAG is choreography, never authority. Whatever a task was told, what it may do is read here, inside
one transaction that locks the holds, from plan, approvals, caps, receipts, switch and clock in the control database.
The same transaction writes the ledger's intent, so there is no effect without one.
"""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from winddown.control import tables
from winddown.control.approvals import counted_within
from winddown.control.holds import load_holds
from winddown.control.ledger import Ledger, stamp
from winddown.control.repository import load_plan
from winddown.control.switch import HaltAsked, Switch, halted_within, nobody_asks
from winddown.domain.authorization import Authorization, Power
from winddown.domain.batch import Batch
from winddown.domain.errors import Refused, Transient
from winddown.domain.hold import holds_digest
from winddown.domain.plan import Act, Order, Plan, Trace
from winddown.domain.receipt import Receipt
from winddown.ports import Clock

LIFETIME = timedelta(seconds=60)
AIRFLOW = "airflow"
"""Who halted, where it was Airflow's variable: Airflow's own log knows who set it."""
OWN = "winddown"
"""What effects on own traces name in place of a store."""
# Made once: putting a statement together takes longer than sending it, and every effect needs these several times.
_STATE = select(tables.effect.c.state).where(tables.effect.c.effect_id == bindparam("of_effect"))
_MINT, _BEGIN = insert(tables.authorization), insert(tables.effect)
_RECORD = update(tables.effect).where(tables.effect.c.effect_id == bindparam("of_effect"))
_OPEN = select(tables.plan.c.state).where(tables.plan.c.plan_id == bindparam("of_plan"))
_DONE = select(tables.effect.c.order_id, tables.effect.c.batch).where(
    tables.effect.c.plan_id == bindparam("of_plan"),
    tables.effect.c.power == bindparam("of_power"),
    tables.effect.c.state == "done",
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One intended effect. The id is the same for every attempt, so a repeat finds the earlier intent.

    Attributes:
        identity: of the system that the effect is meant for, where no plan says it; a plan's word comes first.
    """

    case: str
    plan_id: str
    order_id: str
    power: Power
    store: str
    batch: int
    batch_digest: str
    records: int
    identity: str = ""

    @property
    def id(self) -> str:
        """Deterministic name of the effect."""
        return f"{self.plan_id or self.case}/{self.order_id}/{self.power}/{self.batch}"


def effect_on(plan: Plan, trace: Trace, *, files: int) -> Effect:
    """Name the effect of destroying a trace, of which so many files are there."""
    return Effect(plan.case, plan.id, f"sanitise {trace.name}", Power.SANITISE, OWN, 0, trace.digest, files)


def effect_of(plan: Plan, order: Order, batch: Batch, power: Power) -> Effect:
    """Name the effect of a power on one batch of an order."""
    return Effect(
        case=plan.case,
        plan_id=plan.id,
        order_id=order.id,
        power=power,
        store=order.collection.store,
        batch=batch.index,
        batch_digest=batch.digest,
        records=batch.records,
    )


class Authority:
    """The one door between a plan and a store.

    Attributes:
        code_version: of this program; what another one planned and people approved, it does not carry out.
    """

    def __init__(
        self, engine: Engine, *, ledger: Ledger, clock: Clock, code_version: str, halt_asked: HaltAsked = nobody_asks
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._code_version = code_version
        self._halt_asked = halt_asked

    def authorize(self, effect: Effect, *, actor: str, before: str | None = "done") -> Authorization:
        """Check everything that could stand against an effect, write its intent, and mint the right to do it once.

        Restoring is checked against nothing but a purge that was done: undo must not wait. ``before`` is the effect's
        state when the caller looked, on which its decision to act rests.

        Raises:
            Refused: with every objection.
            Transient: another worker has closed the effect as done since the caller looked.
        """
        if effect.power is not Power.RESTORE and (reason := self._halt_asked()):
            # Kept in the control database, so that the case stays halted when what asked is gone or cannot be read.
            switch = Switch(self._engine, ledger=self._ledger)
            switch.halt(effect.case, by=AIRFLOW, reason=reason, door="airflow_variable")
        with self._engine.begin() as connection:
            # The ledger's time never steps back. Grace begins at it and ends by the clock: after a clock that ran ahead
            # was set right, grace is longer, never shorter.
            now = self._ledger.now_within(connection, effect.case)
            if before != "done" and self._state(connection, effect) == "done":
                raise Transient(
                    f"{effect.power} of {effect.order_id} batch {effect.batch} was done by another worker meanwhile",
                    next_step="run the stage again: it finds it done",
                )
            plan = load_plan(connection, effect.plan_id) if effect.plan_id else None
            identity = effect.identity if plan is None else dict(plan.identities).get(effect.store, "")
            objections = self._objections(connection, effect, plan, now=now)
            if not identity:
                objections.append(f"nothing says which system store {effect.store} is")
            if objections:
                raise Refused(
                    f"{effect.power} of {effect.order_id} batch {effect.batch} is not authorised: "
                    + "; ".join(objections),
                    rule="control.authorize",
                    next_step="resolve each objection, then run the stage again",
                )
            nonce = secrets.token_hex(16)
            expires_at = now + LIFETIME
            connection.execute(
                _MINT,
                {
                    "nonce": nonce,
                    "case_id": effect.case,
                    "power": effect.power,
                    "store": effect.store,
                    "target": effect.order_id,
                    "batch_digest": effect.batch_digest,
                    "identity": identity,
                    "plan_id": effect.plan_id,
                    "expires_at": stamp(expires_at),
                },
            )
            self._record(connection, effect, "intent", records=effect.records, receipt="{}", at=now)
            self._ledger.append_within(
                connection,
                effect.case,
                "intent",
                _body(effect) | {"records": effect.records, "nonce": nonce},
                actor=actor,
            )
        return Authorization(
            power=effect.power,
            case=effect.case,
            store=effect.store,
            target=effect.order_id,
            batch_digest=effect.batch_digest,
            identity=identity,
            nonce=nonce,
            expires_at=expires_at,
            still_stands=self.require_standing,
        )

    def require_standing(self, authorization: Authorization) -> None:
        """Raise Refused when the case was halted, or the plan withdrawn, or a hold placed, since it was minted.

        Nothing of that stands against restoring.
        """
        with self._engine.begin() as connection:
            _require_standing(connection, authorization)

    def redeem(self, authorization: Authorization) -> None:
        """Spend an authorization; raises Refused when it is unknown, changed, expired or spent, or the case halted.

        A plan that was withdrawn, or a hold that was placed, since it was minted makes it worthless too.
        """
        table = tables.authorization
        with self._engine.begin() as connection:
            _require_standing(connection, authorization)
            spent = connection.execute(
                update(table)
                .where(
                    table.c.nonce == authorization.nonce,
                    table.c.case_id == authorization.case,
                    table.c.power == authorization.power,
                    table.c.store == authorization.store,
                    table.c.target == authorization.target,
                    table.c.batch_digest == authorization.batch_digest,
                    table.c.identity == authorization.identity,
                    table.c.expires_at > stamp(self._clock.now()),
                    table.c.redeemed_at.is_(None),
                )
                .values(redeemed_at=stamp(self._clock.now()))
            ).rowcount
        if spent != 1:
            raise Refused(
                f"the authorization to {authorization.power} {authorization.target} is unknown, spent or expired",
                rule="single-use authorization",
                next_step="run the stage again; it asks for a new one",
            )

    def close(self, effect: Effect, *, state: str, receipt: Receipt, read_back: object, actor: str) -> None:
        """Close an intent as ``done`` or ``unknown``, with what another path read back.

        Of two workers with an intent for one effect, one did it and the other found it done: it is closed as done once.
        """
        with self._engine.begin() as connection:
            now = self._ledger.now_within(connection, effect.case)
            if state == "done" == self._state(connection, effect):
                return
            proof = json.dumps(asdict(receipt))
            self._record(connection, effect, state, records=receipt.records, receipt=proof, at=now)
            if effect.power is Power.RESTORE and state == "done":
                # What was brought back has no quarantine receipt any more: it cannot be purged without a new one.
                connection.execute(
                    update(tables.effect)
                    .where(
                        tables.effect.c.plan_id == effect.plan_id,
                        tables.effect.c.order_id == effect.order_id,
                        tables.effect.c.batch == effect.batch,
                        tables.effect.c.power == Power.QUARANTINE,
                    )
                    .values(state="restored")
                )
            self._ledger.append_within(
                connection,
                effect.case,
                state,
                _body(effect) | {"records": receipt.records, "read_back": read_back},
                actor=actor,
            )

    def state(self, effect: Effect) -> str | None:
        """intent, done, unknown, or None when the effect was never intended."""
        with self._engine.begin() as connection:
            return self._state(connection, effect)

    def _state(self, connection: Connection, effect: Effect) -> str | None:
        return connection.execute(_STATE, {"of_effect": effect.id}).scalar()

    def receipt(self, effect: Effect) -> Receipt | None:
        """The receipt with which an effect was closed, or None."""
        table = tables.effect
        with self._engine.begin() as connection:
            row = connection.execute(
                select(table.c.receipt).where(table.c.effect_id == effect.id, table.c.state == "done")
            ).one_or_none()
        if row is None:
            return None
        found = json.loads(row.receipt)
        return Receipt(**found | {"details": tuple((name, value) for name, value in found["details"])})

    def _record(
        self, connection: Connection, effect: Effect, state: str, *, records: int, receipt: str, at: datetime
    ) -> None:
        values = {"state": state, "records": records, "receipt": receipt, "changed_at": stamp(at)}
        changed = connection.execute(_RECORD, values | {"of_effect": effect.id}).rowcount
        if not changed:
            row = {
                "effect_id": effect.id,
                "case_id": effect.case,
                "plan_id": effect.plan_id,
                "order_id": effect.order_id,
                "power": effect.power,
                "batch": effect.batch,
            }
            connection.execute(_BEGIN, row | values)

    # -- what can stand against an effect ------------------------------------------------------------------------

    def _objections(self, connection: Connection, effect: Effect, plan: Plan | None, *, now: datetime) -> list[str]:
        if effect.power is Power.RESTORE:
            is_gone = self._state(connection, replace(effect, power=Power.PURGE)) == "done"
            return ["its purge was done meanwhile"] if is_gone else []
        halted = halted_within(connection, effect.case)
        if halted is not None:
            return [f"the case was {halted}"]
        if effect.power is Power.FREEZE:
            return []  # reversible, keeps everything, and must come before the snapshot that a plan rests on
        if plan is None or plan.case != effect.case:
            # Another case's switch and ledger would have been asked.
            return [f"plan {effect.plan_id or 'none'} does not belong to case {effect.case}"]
        # An approval must outlast the authorization that rests on it.
        objections = [
            *_plan_objections(connection, plan),
            *_approval_objections(connection, plan, at=now + LIFETIME),
            *_program_objections(plan, self._code_version),
        ]
        if plan.traces or effect.power is Power.SANITISE:
            own = _trace_objections(plan, effect) if plan.traces else _key_objections(plan, effect)
            return [*objections, *own, *_unpurged_objections(connection, plan, effect.store)]
        order = plan.order(effect.order_id)
        return [
            *objections,
            *_batch_objections(order, effect),
            *_requirement_objections(connection, plan, order),
            *(_purge_objections(connection, plan, effect, self._clock.now()) if effect.power is Power.PURGE else ()),
        ]


def _require_standing(connection: Connection, authorization: Authorization) -> None:
    if authorization.power is Power.RESTORE:
        return
    halted = halted_within(connection, authorization.case)
    if halted is not None:
        raise Refused(
            f"case {authorization.case} was {halted}",
            rule="kill switch",
            next_step="settle why with who halted it, resume the case, then run the stage again",
        )
    minted = tables.authorization.c
    plan_id = connection.execute(select(minted.plan_id).where(minted.nonce == authorization.nonce)).scalar()
    objections = _plan_objections(connection, load_plan(connection, plan_id)) if plan_id else ()
    if objections:
        raise Refused("; ".join(objections), rule="single-use authorization", next_step="plan again")


def _plan_objections(connection: Connection, plan: Plan) -> list[str]:
    state = connection.execute(_OPEN, {"of_plan": plan.id}).scalar_one()
    objections = [] if state == "open" else [f"plan {plan.id} is {state}"]
    if holds_digest(load_holds(connection, plan.case)) != plan.holds_digest:
        objections.append(f"the holds changed after plan {plan.id} was made: restore what they cover and plan again")
    return objections


def _program_objections(plan: Plan, code_version: str) -> list[str]:
    planned, present = plan.code_version.split(), code_version.split()
    if planned == present:
        return []
    theirs = " ".join(part for part in planned if part not in present) or "one without some of this"
    ours = " ".join(part for part in present if part not in planned) or "one without some of that"
    said = f"plan {plan.id} was made by another program ({theirs}) than this ({ours})"
    return [f"{said}: carry it out with that one, or restore what it moved and plan again"]


def _approval_objections(connection: Connection, plan: Plan, *, at: datetime) -> list[str]:
    counted = counted_within(connection, plan, at=at)
    given, objections = len(counted.valid), []
    if given < plan.approvals_needed:
        objections.append(
            f"plan {plan.id}: {given} approvals of its digest, {plan.approvals_needed} distinct people are needed"
        )
    missing = counted.missing(plan.approver_roles)
    if missing:
        objections.append(f"plan {plan.id} has no approval by {', '.join(missing)}")
    return [*objections, *counted.passed_over] if objections else []


def _batch_objections(order: Order, effect: Effect) -> list[str]:
    digests = order.selection.batch_digests
    if effect.batch >= len(digests) or digests[effect.batch] != effect.batch_digest:
        return [f"batch {effect.batch} of order {order.id} is not the approved one"]
    if effect.store != order.collection.store:
        return [f"order {order.id} is not about store {effect.store}"]
    wanted = {Power.QUARANTINE, Power.PURGE} if order.changes_store else {Power(order.act)}
    return [] if effect.power in wanted else [f"order {order.id} is a {order.act}, not a {effect.power}"]


def _requirement_objections(connection: Connection, plan: Plan, order: Order) -> list[str]:
    """What must be there first: the receipt of a seal, by its receiver, and the check of an extract, by the effect."""
    table = tables.acknowledgement
    have = {
        row.order_id for row in connection.execute(select(table.c.order_id).where(table.c.plan_id == plan.id)).all()
    }
    needed = [plan.order(need) for need in order.requires]
    objections = [
        f"order {order.id} waits for the {need.recipient or 'custodian'}'s receipt of {need.id}"
        for need in needed
        if need.act is Act.SEAL and need.id not in have
    ]
    done = _done_batches(connection, plan, Power.ANONYMISE)
    return objections + [
        f"order {order.id} waits for the checked extract of {need.id}"
        for need in needed
        if need.act is not Act.SEAL and not {(need.id, n) for n in range(len(need.selection.batch_digests))} <= done
    ]


def _purge_objections(connection: Connection, plan: Plan, effect: Effect, now: datetime) -> list[str]:
    table = tables.effect
    quarantined = connection.execute(
        select(table).where(
            table.c.plan_id == plan.id,
            table.c.order_id == effect.order_id,
            table.c.power == Power.QUARANTINE,
            table.c.batch == effect.batch,
            table.c.state == "done",
        )
    ).one_or_none()
    if quarantined is None:
        return [f"batch {effect.batch} of order {effect.order_id} has no quarantine receipt"]
    objections = []
    since = datetime.fromisoformat(quarantined.changed_at).astimezone(UTC)
    due = since + timedelta(seconds=plan.grace_seconds)
    if now < due:
        objections.append(f"grace ends at {stamp(due)}")
    if quarantined.records != effect.records:
        objections.append(f"quarantine took {quarantined.records} records, the batch names {effect.records}")
    purged = connection.execute(
        select(func.coalesce(func.sum(table.c.records), 0)).where(
            table.c.plan_id == plan.id,
            table.c.order_id == effect.order_id,
            table.c.power == Power.PURGE,
            table.c.batch != effect.batch,
        )
    ).scalar_one()
    limit = plan.order(effect.order_id).record_count_max
    if purged + effect.records > limit:
        objections.append(f"{purged} + {effect.records} records exceed the order's maximum {limit}")
    return objections


def _done_batches(connection: Connection, plan: Plan, power: Power) -> set[tuple[str, int]]:
    found = connection.execute(_DONE, {"of_plan": plan.id, "of_power": power})
    return {(row.order_id, row.batch) for row in found}


def _trace_objections(plan: Plan, effect: Effect) -> list[str]:
    """An approved trace may have fewer files by now, never more."""
    if effect.power is not Power.SANITISE:
        return [f"plan {plan.id} is about own traces, and none is an order"]
    approved = {effect_on(plan, trace, files=0).id: trace for trace in plan.traces}
    trace = approved.get(effect.id)
    if trace is None or trace.digest != effect.batch_digest:
        return [f"{effect.order_id} is not in plan {plan.id}"]
    if effect.records > trace.files_max:
        return [f"{trace.name} holds {effect.records} files, its maximum is {trace.files_max}: plan again"]
    return []


def _key_objections(plan: Plan, effect: Effect) -> list[str]:
    """What ends a store and is known by a digest is a key; it goes only where an approved order says so."""
    said = {"", *(order.destroys_key for order in plan.orders if order.collection.store == effect.store)}
    return [] if effect.batch_digest in said else [f"plan {plan.id} does not say that this key is destroyed"]


def _unpurged_objections(connection: Connection, plan: Plan, store: str) -> list[str]:
    done = _done_batches(connection, plan, Power.PURGE)
    open_batches = [
        f"{order.id}/{index}"
        for order in plan.orders
        if order.collection.store == store and order.changes_store
        for index in range(len(order.selection.batch_digests))
        if (order.id, index) not in done
    ]
    return [f"not yet purged: {', '.join(open_batches)}"] if open_batches else []


def _body(effect: Effect) -> dict[str, object]:
    return {
        "effect": effect.id,
        "plan_id": effect.plan_id,
        "order_id": effect.order_id,
        "act": effect.power.value,
        "batch": str(effect.batch),
        "batch_digest": effect.batch_digest,
    }
