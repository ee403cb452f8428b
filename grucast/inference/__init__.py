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
        "gru-v1": "grucast.inference.cells.gru_v1:GRUv1",
        "gru-simple": "grucast.inference.cells.gru_simple:SimpleGRU",
        "lstm": "grucast.inference.cells.lstm:LSTM",
        "rnn": "grucast.inference.cells.rnn:RNN",
        "mingru": "grucast.inference.cells.mingru:MinGRU",
        "tau-gru": "grucast.inference.cells.tau_gru:TauGRU",
    },
)
ACTIVATIONS = Registry(
    "activation",
    {
        "tanh": "grucast.inference.activations:tanh",
        "relu": "grucast.inference.activations:relu",
        "gelu": "grucast.inference.activations:gelu",
        "silu": "grucast.inference.activations:silu",
        "softsign": "grucast.inference.activations:softsign",
    },
)
