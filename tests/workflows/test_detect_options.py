"""The words of the command line for detection are those of the rooms that do the work."""

from grucast.core.config import CHANNEL_GATHERINGS, DETECT_MODES, DETECT_SCORERS
from grucast.detection.scoring import MODES, SCORERS
from grucast.workflows.detecting.scores import GATHERINGS


def test_modes_scorers_and_gatherings_on_offer_are_those_there_are():
    assert set(DETECT_MODES) == set(MODES)
    assert set(DETECT_SCORERS) == {"auto", *SCORERS}
    assert tuple(GATHERINGS) == CHANNEL_GATHERINGS
