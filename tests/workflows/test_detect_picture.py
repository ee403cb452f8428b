"""What is drawn of a series that was judged."""

import numpy as np
import pytest

from grucast.workflows.detecting.picture import _usual


@pytest.mark.parametrize(("cause", "drawn"), [
    ([0, 0, 0, 0], [5.0, 0.1, 0.2, 6.0]),
    ([0, 1, 2, 0], [5.0, 5.0, 5.0, 6.0]),
    ([1, 1, 0, 0], [0.2, 0.2, 0.2, 6.0]),  # nothing before: the first that is the rule's own
    ([1, 2, 1, 1], [5.0, 0.1, 0.2, 6.0]),
])  # fmt: skip
def test_the_line_of_the_threshold_is_the_rule_s_own(cause, drawn):
    """A dip in every called row would look like an alarm of the score."""
    assert _usual(np.array([5.0, 0.1, 0.2, 6.0]), np.array(cause, np.int8)).tolist() == drawn
