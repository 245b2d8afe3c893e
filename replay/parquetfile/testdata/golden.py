#!/usr/bin/env python3
"""Writes the Parquet files beside it with writers that are not ours, and what their rows are as JSON, one a line.

Made with pyarrow 26.0.1 on Python 3.11:
  pip install pyarrow==26.0.1 && python3 golden.py
The JSON is made from the values that are given to the writers, and not by reading the files.
"""
import base64, datetime, decimal, json, pathlib, uuid
import pyarrow as pa, pyarrow.parquet as pq

here = pathlib.Path(__file__).parent
b64 = lambda b: base64.b64encode(b).decode()
D = decimal.Decimal

class Raw(float):
    """A number in the words that are to be in the JSON."""
    def __new__(cls, text):
        self = super().__new__(cls, 0)
        self.text = text
        return self

def text(v):
    if isinstance(v, Raw):
        return v.text
    if isinstance(v, dict):
        return "{" + ",".join(text(k) + ":" + text(x) for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(text, v)) + "]"
    return json.dumps(v, ensure_ascii=False)

def write(name, schema, rows, want=None, **kw):
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), here / (name + ".parquet"), **kw)
    if want: # files whose rows are the same share what is before the first dash
        (here / (name.split("-")[0] + ".jsonl")).write_text("".join(text(w) + "\n" for w in want))

# Every type, with and without nulls, in each version of pages and compression that is read.
ident = uuid.UUID("0123456789abcdef0123456789abcdef")
when = datetime.datetime(2026, 11, 27, 1, 2, 3, 456789, tzinfo=datetime.timezone.utc)
micros = 1795741323456789
assert round(when.timestamp() * 1e6) == micros
types = pa.schema([
    ("flag", pa.bool_()), ("i8", pa.int8()), ("u8", pa.uint8()), ("i16", pa.int16()), ("u16", pa.uint16()), ("i32", pa.int32()), ("u32", pa.uint32()),
    ("i64", pa.int64()), ("u64", pa.uint64()), ("half", pa.float16()), ("single", pa.float32()), ("double", pa.float64()), ("text", pa.string()),
    ("raw", pa.binary()), ("fixed", pa.binary(3)), ("d5", pa.decimal128(5, 2)), ("d18", pa.decimal128(18, 4)), ("d38", pa.decimal128(38, 10)),
    ("day", pa.date32()), ("milli", pa.timestamp("ms", tz="UTC")), ("micro", pa.timestamp("us")), ("nano", pa.timestamp("ns", tz="UTC")), ("clock", pa.time64("us")),
])
full = dict(flag=True, i8=-128, u8=255, i16=-32768, u16=65535, i32=-2**31, u32=2**32 - 1, i64=-2**63, u64=2**64 - 1, half=0.5, single=0.1, double=1e21,
    text='é "quoted"\n', raw=b"\x00\xff", fixed=b"abc", d5=D("-0.05"), d18=D("12345678901234.5678"), d38=D("-1234567890123456789012345678.0000000001"),
    day=datetime.date(1969, 12, 31), milli=when.replace(microsecond=456000), micro=when.replace(tzinfo=None), nano=when, clock=datetime.time(23, 59, 59, 999999))
want = dict(full, half=Raw("0.5"), single=Raw("0.1"), double=Raw("1e+21"), raw=b64(b"\x00\xff"), fixed=b64(b"abc"), d5=Raw("-0.05"), d18=Raw("12345678901234.5678"),
    d38=Raw("-1234567890123456789012345678.0000000001"), day=-1, milli=micros // 1000, micro=micros, nano=micros * 1000, clock=86399999999)
none, empty = {k: None for k in full}, dict(full, text="", raw=b"", flag=False, double=-0.0, d5=D("0.00"))
rows = [full, none, empty] + [dict(full, flag=i < 23, i64=i, text="t%d" % (i % 5)) for i in range(40)]
wants = [want, none, dict(want, text="", raw="", flag=False, double=Raw("-0"), d5=Raw("0.00"))] + [dict(want, flag=i < 23, i64=i, text="t%d" % (i % 5)) for i in range(40)]
write("types-v1-snappy", types, rows, wants, compression="snappy", write_page_checksum=True)
write("types-v2-zstd", types, rows, wants, compression="zstd", data_page_version="2.0", write_page_checksum=True)
write("types-v1-gzip-plain", types, rows, wants, compression="gzip", use_dictionary=False, row_group_size=20)
write("types-v2-lz4", types, rows, wants, compression="lz4", data_page_version="2.0", data_page_size=64)
write("types-delta", types, rows, wants, compression="none", use_dictionary=False, row_group_size=43, column_encoding={
    "flag": "RLE", "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "text": "DELTA_LENGTH_BYTE_ARRAY", "single": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT"})

# What is null and what is empty, at every level.
nested = pa.schema([
    ("id", pa.int64(), False),
    ("tags", pa.list_(pa.string())),
    ("grid", pa.list_(pa.list_(pa.int32()))),
    ("attrs", pa.map_(pa.string(), pa.int64())),
    ("deep", pa.struct([("a", pa.struct([("b", pa.list_(pa.struct([("c", pa.string()), ("d", pa.map_(pa.string(), pa.list_(pa.float64())))]))), ("e", pa.bool_())])), ("f", pa.int32())])),
    ("uuid", pa.uuid()), ("doc", pa.json_()),
])
cells = [
    dict(id=1, tags=["a", None, ""], grid=[[1, 2], [], None, [None]], attrs={"x": 1, "": None}, deep={"a": {"b": [{"c": "x", "d": {"k": [1.5, None], "l": [], "m": None}}, None, {"c": None, "d": None}], "e": True}, "f": 7}, uuid=ident.bytes, doc='{"a": 1}'),
    dict(id=2, tags=[], grid=[], attrs={}, deep={"a": {"b": [], "e": None}, "f": None}, uuid=None, doc="null"),
    dict(id=3, tags=None, grid=None, attrs=None, deep=None, uuid=ident.bytes, doc=None),
    dict(id=4, tags=[None], grid=[None], attrs={"n": None}, deep={"a": None, "f": 0}, uuid=ident.bytes, doc=""),
    dict(id=5, tags=["z"], grid=[[]], attrs={"b": 2, "a": 1}, deep={"a": {"b": None, "e": False}, "f": -1}, uuid=ident.bytes, doc="x"),
]
given = [dict(c, attrs=None if c["attrs"] is None else list(c["attrs"].items()), deep=c["deep"]) for c in cells]
cells = [dict(c, uuid=str(ident) if c["uuid"] else None) for c in cells]
def floats(v):
    if isinstance(v, dict): return {k: floats(x) for k, x in v.items()}
    if isinstance(v, list): return [floats(x) for x in v]
    return Raw(repr(v).removesuffix(".0")) if isinstance(v, float) else v
given = [dict(c, deep=c["deep"] and dict(c["deep"], a=c["deep"]["a"] and dict(c["deep"]["a"], b=c["deep"]["a"]["b"] and [x and dict(x, d=None if x["d"] is None else list(x["d"].items())) for x in c["deep"]["a"]["b"]]))) for c in given]
write("nested-v1", nested, given, floats(cells), compression="snappy")
write("nested-v2", nested, given, floats(cells), compression="snappy", data_page_version="2.0", data_page_size=32)
write("pages", nested, [dict(g, id=g["id"] + 10 * i) for i in range(14) for g in given], [dict(c, id=c["id"] + 10 * i) for i in range(14) for c in floats(cells)],
    compression="none", data_page_size=64, row_group_size=30, use_dictionary=False, store_schema=False)
# The older form of a list, in which what repeats is the element, and times of 96 bits.
old = pa.schema([("when", pa.timestamp("ns")), ("tags", pa.list_(pa.string()))])
write("old", old, [dict(when=when.replace(tzinfo=None), tags=["a"]), dict(when=None, tags=[]), dict(when=datetime.datetime(1900, 1, 1), tags=None)],
    [dict(when=micros * 1000, tags=["a"]), dict(when=None, tags=[]), dict(when=-2208988800 * 10**9, tags=None)],
    use_deprecated_int96_timestamps=True, use_compliant_nested_type=False, version="1.0", compression="gzip", store_schema=False)
# What has no JSON: two values, and a type.
write("values-without", pa.schema([("d", pa.float64()), ("s", pa.float32())]), [dict(d=1.0, s=1.0), dict(d=float("nan"), s=0.0), dict(d=0.0, s=float("-inf"))], compression="none")
write("map-of-numbers", pa.schema([("m", pa.map_(pa.int32(), pa.string()))]), [dict(m=[(1, "x")])], compression="none")
# A column of nulls beside one that has values, many rows: nulls take no bytes.
write("nulls", pa.schema([("n", pa.int64()), ("x", pa.string()), ("b", pa.bool_())]), [dict(n=i, x=None, b=None) for i in range(2000)], compression="zstd", data_page_version="2.0")
