"""The networks in NumPy: what runs from cron. The names are those of `networks`; a test holds the two together."""

from grucast.core.registry import Registry

NETWORKS = Registry(
    "network",
    {
        "segment": "grucast.inference.segment:SegmentCore",
        "recurrent": "grucast.inference.recurrent:RecurrentCore",
    },
)
CELLS = Registry(
    "cell",
    {
        "gru": "grucast.inference.cells.gru:GRU",
        "lstm": "grucast.inference.cells.lstm:LSTM",
        "rnn": "grucast.inference.cells.rnn:RNN",
    },
)
