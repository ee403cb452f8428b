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
        "gru-v1": "grucast.networks.cells.gru_v1:GRUv1",
        "gru-simple": "grucast.networks.cells.gru_simple:SimpleGRU",
        "lstm": "grucast.networks.cells.lstm:LSTM",
        "rnn": "grucast.networks.cells.rnn:RNN",
        "mingru": "grucast.networks.cells.mingru:MinGRU",
        "tau-gru": "grucast.networks.cells.tau_gru:TauGRU",
    },
)
ACTIVATIONS = Registry(
    "activation",
    {
        "tanh": "grucast.networks.activations:tanh",
        "relu": "grucast.networks.activations:relu",
        "gelu": "grucast.networks.activations:gelu",
        "silu": "grucast.networks.activations:silu",
        "softsign": "grucast.networks.activations:softsign",
    },
)
