import java.io.File;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.avro.Schema;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.EncoderFactory;

/**
 * Writes object containers with Apache's own writer: DIRECTORY SEED. For each compression, with arrays and maps in one piece and in blocks that
 * say their length, NAME.avro and what each datum is as JSON, a line each, in NAME.json. The form of that JSON is the one that package ocf
 * describes; nothing here is taken from it.
 */
public class Avro {
  static final String SCHEMA = """
      {"type":"record","name":"All","namespace":"judge.one","doc":"every type","aliases":["judge.Old"],"fields":[
      {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int","order":"ignore"},{"name":"l","type":"long"},
      {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string","aliases":["t"]},
      {"name":"js","type":{"type":"string","avro.java.string":"String"}},
      {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B","C"],"default":"A"}},
      {"name":"a","type":{"type":"array","items":["null","int","string"]}},{"name":"m","type":{"type":"map","values":{"type":"array","items":"long"}}},
      {"name":"x","type":{"type":"fixed","name":"judge.two.X","size":16}},
      {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},
      {"name":"fdec","type":{"type":"fixed","name":"D","size":8,"logicalType":"decimal","precision":18,"scale":2}},
      {"name":"id","type":{"type":"string","logicalType":"uuid"}},{"name":"day","type":{"type":"int","logicalType":"date"}},
      {"name":"tm","type":{"type":"int","logicalType":"time-millis"}},{"name":"tu","type":{"type":"long","logicalType":"time-micros"}},
      {"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}},
      {"name":"ns","type":{"type":"long","logicalType":"timestamp-nanos"}},{"name":"lms","type":{"type":"long","logicalType":"local-timestamp-millis"}},
      {"name":"lus","type":{"type":"long","logicalType":"local-timestamp-micros"}},{"name":"lns","type":{"type":"long","logicalType":"local-timestamp-nanos"}},
      {"name":"dur","type":{"type":"fixed","name":"Span","size":12,"logicalType":"duration"}},
      {"name":"u","type":["null","string","long","E",{"type":"record","name":"Inner","namespace":"judge.two","fields":[{"name":"v","type":["double","X"]}]},{"type":"map","values":"int"},{"type":"array","items":"Inner2"}]},
      {"name":"dy","type":"bytes","default":"\\u00ff\\u0000"},{"name":"df","type":"double","default":1.5},{"name":"du","type":["string","null"],"default":"x"},
      {"name":"de","type":"E","default":"B"},{"name":"da","type":{"type":"array","items":"int"},"default":[1,2]},{"name":"dm","type":{"type":"map","values":"boolean"},"default":{"k":true}},
      {"name":"dr","type":"judge.two.Inner","default":{"v":2.5}},{"name":"next","type":["null","All"],"default":null}]}"""
      .replace("\"Inner2\"", "{\"type\":\"record\",\"name\":\"Inner2\",\"fields\":[]}");

  static final Schema ALL = new Schema.Parser().parse(SCHEMA);
  static Random random;

  public static void main(String[] args) throws Exception {
    random = new Random(Long.parseLong(args[1]));
    for (String codec : List.of("null", "deflate", "snappy", "zstandard", "bzip2")) {
      for (boolean blocks : new boolean[] {false, true}) {
        write(new File(args[0], codec + (blocks ? "-blocks" : "")), codec, blocks);
      }
    }
  }

  static void write(File name, String codec, boolean blocks) throws Exception {
    GenericData data = new GenericData(); // no conversions: values are what they are stored as
    try (var out = new DataFileWriter<GenericRecord>(new GenericDatumWriter<>(ALL, data));
        var expected = new PrintStream(name + ".json", StandardCharsets.UTF_8)) {
      out.setCodec(CodecFactory.fromString(codec)).setSyncInterval(2000).setMeta("judge.note", "not ours");
      if (blocks) out.setEncoder(to -> new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(to, null));
      out.create(ALL, new File(name + ".avro"));
      for (int i = 0; i < 300; i++) {
        GenericRecord r = record(data, 0);
        out.append(r);
        expected.print(json(new StringBuilder(), ALL, r, data).append('\n'));
      }
    }
  }

  static GenericRecord record(GenericData data, int depth) {
    GenericRecord r = new GenericData.Record(ALL);
    for (Schema.Field f : ALL.getFields()) {
      boolean ends = depth > 3 || random.nextInt(3) > 0;
      Object v = f.name().equals("next") ? (ends ? null : record(data, depth + 1))
          : f.hasDefaultValue() && random.nextBoolean() ? data.getDefaultValue(f) : any(f.schema());
      r.put(f.name(), v);
    }
    return r;
  }

  static Object any(Schema s) {
    switch (s.getType()) {
      case NULL: return null;
      case BOOLEAN: return random.nextBoolean();
      case INT: return pick(0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, random.nextInt());
      case LONG: return pick(0L, -1L, Long.MIN_VALUE, Long.MAX_VALUE, random.nextLong(), 63L, 64L, -64L, -65L);
      // Those that Java and others spell alike; Java 17 does not always find the shortest spelling.
      case FLOAT: return pick(0f, -0f, 0.1f, 1.5e30f, -2.5e-10f, random.nextInt(1000) / 4f);
      case DOUBLE: return pick(0d, -0d, 0.1, 1e300, 1e21, 1e20, 1e-6, 1e-7, -2.5e-10, random.nextInt() / 4d);
      case BYTES: return ByteBuffer.wrap(bytes(random.nextInt(40)));
      case STRING: return pick("", "q\"\\\n\r\t\b\u0000\u001f\u007f", "é<>&\u2028\ud83d\ude00", "x".repeat(random.nextInt(300)));
      case ENUM: return new GenericData.EnumSymbol(s, s.getEnumSymbols().get(random.nextInt(s.getEnumSymbols().size())));
      case FIXED: return new GenericData.Fixed(s, bytes(s.getFixedSize()));
      case UNION: return any(s.getTypes().get(random.nextInt(s.getTypes().size())));
      case ARRAY: {
        List<Object> out = new ArrayList<>();
        for (int n = random.nextInt(30); n > 0; n--) out.add(any(s.getElementType()));
        return new GenericData.Array<>(s, out);
      }
      case MAP: {
        Map<String, Object> out = new LinkedHashMap<>();
        for (int n = random.nextInt(12); n > 0; n--) out.put("k" + random.nextInt(), any(s.getValueType()));
        return out;
      }
      default: {
        GenericRecord out = new GenericData.Record(s);
        for (Schema.Field f : s.getFields()) out.put(f.name(), any(f.schema()));
        return out;
      }
    }
  }

  static Object pick(Object... among) { return among[random.nextInt(among.length)]; }

  static byte[] bytes(int n) {
    byte[] out = new byte[n];
    random.nextBytes(out);
    return out;
  }

  static StringBuilder json(StringBuilder out, Schema s, Object v, GenericData data) {
    switch (s.getType()) {
      case UNION: return json(out, s.getTypes().get(data.resolveUnion(s, v)), v, data);
      case RECORD: {
        char sep = '{';
        for (Schema.Field f : s.getFields()) {
          text(out.append(sep), f.name()).append(':');
          json(out, f.schema(), ((GenericRecord) v).get(f.pos()), data);
          sep = ',';
        }
        return out.append(sep == '{' ? "{}" : "}");
      }
      case ARRAY: {
        char sep = '[';
        for (Object o : (Iterable<?>) v) {
          json(out.append(sep), s.getElementType(), o, data);
          sep = ',';
        }
        return out.append(sep == '[' ? "[]" : "]");
      }
      case MAP: {
        char sep = '{';
        for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
          text(out.append(sep), e.getKey().toString()).append(':');
          json(out, s.getValueType(), e.getValue(), data);
          sep = ',';
        }
        return out.append(sep == '{' ? "{}" : "}");
      }
      case BYTES: {
        ByteBuffer b = ((ByteBuffer) v).duplicate();
        byte[] copy = new byte[b.remaining()];
        b.get(copy);
        return base64(out, copy);
      }
      case FIXED: return base64(out, ((GenericFixed) v).bytes());
      case STRING: case ENUM: return text(out, v.toString());
      case FLOAT: case DOUBLE: return number(out, v.toString());
      default: return out.append(v); // null, boolean, int, long
    }
  }

  static StringBuilder base64(StringBuilder out, byte[] b) { return out.append('"').append(Base64.getEncoder().encodeToString(b)).append('"'); }

  static StringBuilder number(StringBuilder out, String java) {
    BigDecimal d = new BigDecimal(java).stripTrailingZeros();
    if (d.signum() == 0) return out.append(java.startsWith("-") ? "-0" : "0");
    int exponent = d.precision() - d.scale() - 1;
    if (exponent >= -6 && exponent < 21) return out.append(d.toPlainString());
    String digits = d.unscaledValue().abs().toString();
    out.append(d.signum() < 0 ? "-" : "").append(digits.charAt(0));
    if (digits.length() > 1) out.append('.').append(digits.substring(1));
    return out.append(String.format("e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent)));
  }

  static StringBuilder text(StringBuilder out, String s) {
    out.append('"');
    for (char c : s.toCharArray()) {
      switch (c) {
        case '"': case '\\': out.append('\\').append(c); break;
        case '\n': out.append("\\n"); break;
        case '\r': out.append("\\r"); break;
        case '\t': out.append("\\t"); break;
        default: out.append(c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
      }
    }
    return out.append('"');
  }
}
