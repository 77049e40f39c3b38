"""The HTTP side of leader and helper; ``homespun_server.collection`` says what the addresses are."""
