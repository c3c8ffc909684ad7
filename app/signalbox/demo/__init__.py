"""An order-processing system on real brokers. It publishes and consumes real messages, so every figure on the pages is real."""
