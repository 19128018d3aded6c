"""What somebody did to somebody else."""

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert as upsert

from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.domain.acts import act_of
from services.auth.tables import acts

ADD_ACT = upsert(acts).on_conflict_do_nothing()


def of_act(recorded: Recorded) -> Sequence[Write]:
    """The act that an event tells of, if it does."""
    act = act_of(recorded.data)
    if act is None:
        return []
    row = {
        "act_id": recorded.id,
        "position": recorded.position,
        "kind": act.kind,
        "user_id": act.user_id,
        "actor": act.actor,
        "reason": act.reason,
        "detail": act.detail,
        "until": act.until,
        "at": recorded.at,
    }
    return [Write(ADD_ACT, [row])]
