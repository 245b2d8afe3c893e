#!/usr/bin/env python3
"""Writes aggregates with AWS' own library.

  pip install aws-kinesis-agg==1.2.3 'protobuf<4' six && python3 golden.py
"""
import pathlib
from aws_kinesis_agg.aggregator import RecordAggregator

out = b""
for batch in ([("a", '{"n":1}'), ("b", '{"n":2}'), ("a", "")], [("c", "no JSON\nat all")], [("k%d" % i, '{"n":%d,"note":"%s"}' % (i, "x" * 40)) for i in range(20)]):
    agg = RecordAggregator()
    for key, data in batch:
        agg.add_user_record(key, data.encode())
    _, _, body = agg.clear_and_get().get_contents()
    out += body
(pathlib.Path(__file__).parent / "aggregates.bin").write_bytes(out)
