"""The networks in torch: what is trained. The tables below are data; nothing heavy is imported for them."""

from grucast.core.registry import Registry

NETWORKS = Registry(
    "network",
    {
        "segment": "grucast.networks.segment:SegmentCore",
        "recurrent": "grucast.networks.recurrent:RecurrentCore",
    },
)
CELLS = Registry(
    "cell",
    {
        "gru": "grucast.networks.cells.gru:GRU",
        "lstm": "grucast.networks.cells.lstm:LSTM",
        "rnn": "grucast.networks.cells.rnn:RNN",
    },
)
