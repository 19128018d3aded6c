"""What happens on the stage of the fault tests."""

from tests.browser.stage import NEW_YEARS_EVE, Ballot, Stage

LIVE = f"/shows/{NEW_YEARS_EVE}"
"""The page of the show that all of this is about."""


def opened(stage: Stage) -> None:
    """Voting is open: five votes for Dark Star, three for Bertha, one for Ripple."""
    stage.ballots[NEW_YEARS_EVE] = Ballot(status="open", closes_at="2031-01-01T04:00:00Z")
    stage.crowd(NEW_YEARS_EVE, {"Dark Star": 5, "Bertha": 3, "Ripple": 1})
