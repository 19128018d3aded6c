"""Something to vote for."""

from collections.abc import Sequence

from contracts.voting import Candidate, OpenBallot, SetUpBallot
from libs.bus import Bus
from libs.kernel.messages import Caller, Role, service_caller


async def open_ballots(bus: Bus, shows: Sequence[str], songs: Sequence[str]) -> None:
    """Prepare and open a ballot of these songs for each of these shows."""
    candidates = [Candidate(song_id=song, title=song) for song in songs]
    moderator = Caller(user_id="chaos", roles=(Role.MODERATOR,))
    for show_id in shows:
        ballot = SetUpBallot(show_id=show_id, candidates=candidates)
        await bus.send(ballot, caller=service_caller("gateway"))
        await bus.send(OpenBallot(show_id=show_id), caller=moderator)
