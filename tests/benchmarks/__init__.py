"""What the product costs, held against floors that are measured in the same run.

Absolute times mean nothing on a shared machine, ratios do. Every contestant (the product, the
hand-written floor, dlt's stock source) is a process of its own, the sandbox another one, and the
kernel counts what each of them took. `python -m tests.benchmarks --help`
"""
