"""What can have happened with the ballot of a show: each of these sets a stage up for it."""

from tests.browser.stage import NEW_YEARS_EVE, PLAYED, Ballot, Stage, song_id

LIVE = f"/shows/{NEW_YEARS_EVE}"
"""The page of the show that all of this is about."""

CLOSES_AT = "2031-01-01T04:00:00Z"


def no_ballot(stage: Stage) -> None:
    """A show of long ago: its setlist is known, and nobody voted."""
    stage.setlists.add(NEW_YEARS_EVE)
    stage.change()


def prepared(stage: Stage) -> None:
    """There is a ballot; voting begins later."""
    stage.ballots[NEW_YEARS_EVE] = Ballot(opens_at="1977-01-01T02:00:00Z")
    stage.change()


def opened(stage: Stage) -> None:
    """Voting is open: five votes for Dark Star, three for Bertha, one for Ripple."""
    stage.ballots[NEW_YEARS_EVE] = Ballot(status="open", closes_at=CLOSES_AT)
    stage.crowd(NEW_YEARS_EVE, {"Dark Star": 5, "Bertha": 3, "Ripple": 1})


def closed(stage: Stage) -> None:
    """Voting is over, the show is not."""
    opened(stage)
    stage.ballots[NEW_YEARS_EVE].status = "closed"
    stage.change()


def finalized(stage: Stage) -> None:
    """The show is over and the prediction scored."""
    closed(stage)
    stage.setlists.add(NEW_YEARS_EVE)
    ballot = stage.ballots[NEW_YEARS_EVE]
    ballot.status = "finalized"
    ballot.played = [song_id(title) for songs in PLAYED.values() for title, _ in songs]
    stage.change()
