import java.io.File;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ParquetProperties.WriterVersion;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroupFactory;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * Writes Parquet files with Apache's own writer: DIRECTORY SEED. For each compression, with pages of either version and with dictionaries or
 * without, NAME.parquet and what each row is, a line each, in NAME.txt: the values of each leaf, in the order of the schema, with a blank between
 * leaves and a comma between values of one. A dash stands for null, and for a list or a map that is null or empty; bytes are hexadecimal.
 */
public class Parquet {
  static final MessageType SCHEMA = MessageTypeParser.parseMessageType("""
      message judge.Row {
        required int64 id;
        optional boolean flag;
        optional int32 i;
        optional float f;
        optional double d;
        required binary s (STRING);
        optional binary y;
        optional int64 at (TIMESTAMP(MICROS,true));
        optional int32 day (DATE);
        optional fixed_len_byte_array(9) amount (DECIMAL(20,4));
        optional group tags (LIST) { repeated group list { optional binary element (STRING); } }
        optional group counts (MAP) { repeated group key_value { required binary key (STRING); optional int64 value; } }
      }""");

  static Random random;

  public static void main(String[] args) throws Exception {
    random = new Random(Long.parseLong(args[1]));
    for (String codec : List.of("UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4_RAW")) {
      for (WriterVersion version : WriterVersion.values()) {
        for (boolean dictionary : new boolean[] {true, false}) {
          write(args[0] + "/" + codec.toLowerCase() + (version == WriterVersion.PARQUET_1_0 ? "-v1" : "-v2") + (dictionary ? "-dictionary" : ""), codec, version, dictionary);
        }
      }
    }
  }

  static void write(String name, String codec, WriterVersion version, boolean dictionary) throws Exception {
    var factory = new SimpleGroupFactory(SCHEMA);
    try (var expected = new PrintStream(new File(name + ".txt"), StandardCharsets.UTF_8);
        var out = ExampleParquetWriter.builder(new Path(name + ".parquet")).withType(SCHEMA).withCompressionCodec(CompressionCodecName.valueOf(codec))
            .withWriterVersion(version).withDictionaryEncoding(dictionary).withPageSize(2000).withRowGroupSize(40_000L).build()) {
      for (int i = 0; i < 400; i++) {
        StringBuilder line = new StringBuilder();
        out.write(row(factory.newGroup(), i, line));
        expected.print(line.append('\n'));
      }
    }
  }

  /** Fills a group, and says in line what it was filled with. */
  static Group row(Group g, int n, StringBuilder line) {
    g.add("id", (long) n);
    line.append(n);
    boolean flag = random.nextBoolean();
    if (there(line)) { g.add("flag", flag); line.append(flag); }
    int i = random.nextInt(3) == 0 ? random.nextInt() : random.nextInt(5);
    if (there(line)) { g.add("i", i); line.append(i); }
    float f = random.nextInt(1000) / 4f;
    if (there(line)) { g.add("f", f); line.append(Integer.toHexString(Float.floatToIntBits(f))); }
    double d = random.nextDouble();
    if (there(line)) { g.add("d", d); line.append(Long.toHexString(Double.doubleToLongBits(d))); }
    g.add("s", Binary.fromString(word()));
    line.append(' ').append(hex(g.getBinary("s", 0)));
    if (there(line)) { g.add("y", Binary.fromConstantByteArray(bytes(random.nextInt(30)))); line.append(hex(g.getBinary("y", 0))); }
    long at = random.nextLong();
    if (there(line)) { g.add("at", at); line.append(at); }
    int day = random.nextInt(30000);
    if (there(line)) { g.add("day", day); line.append(day); }
    if (there(line)) { g.add("amount", Binary.fromConstantByteArray(bytes(9))); line.append(hex(g.getBinary("amount", 0))); }
    line.append(' ');
    int tags = random.nextInt(6) - 1; // -1: no list
    Group list = tags < 0 ? null : g.addGroup("tags");
    for (int k = 0; k < tags; k++) {
      Group entry = list.addGroup("list");
      line.append(k > 0 ? "," : "");
      if (random.nextInt(4) > 0) { entry.add("element", Binary.fromString(word())); line.append(hex(entry.getBinary("element", 0))); }
      else line.append('-');
    }
    if (tags <= 0) line.append('-');
    int counts = random.nextInt(5) - 1;
    Group map = counts < 0 ? null : g.addGroup("counts");
    StringBuilder keys = new StringBuilder(), values = new StringBuilder();
    for (int k = 0; k < counts; k++) {
      Group entry = map.addGroup("key_value");
      entry.add("key", Binary.fromString("k" + k));
      keys.append(k > 0 ? "," : "").append(hex(entry.getBinary("key", 0)));
      long v = random.nextLong();
      values.append(k > 0 ? "," : "");
      if (random.nextInt(4) > 0) { entry.add("value", v); values.append(v); }
      else values.append('-');
    }
    line.append(' ').append(counts <= 0 ? "-" : keys).append(' ').append(counts <= 0 ? "-" : values);
    return g;
  }

  /** Decides whether the next leaf is there, and if not says so. */
  static boolean there(StringBuilder line) {
    line.append(' ');
    boolean yes = random.nextInt(4) > 0;
    if (!yes) line.append('-');
    return yes;
  }

  static String word() { return List.of("", "north", "south", "é\ud83d\ude00", "x".repeat(random.nextInt(60))).get(random.nextInt(5)); }

  static String hex(Binary b) { return "x" + HexFormat.of().formatHex(b.getBytes()); }

  static byte[] bytes(int n) {
    byte[] out = new byte[n];
    random.nextBytes(out);
    return out;
  }
}
