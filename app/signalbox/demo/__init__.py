"""An order-processing system on real brokers: it sends real messages and really reads them, so every figure shown is true."""
