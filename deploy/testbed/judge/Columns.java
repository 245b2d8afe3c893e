import java.io.File;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;

/**
 * Prints the values of Avro and Parquet files that hold them as columns, as Apache's own readers see them: for each file a line with its name, then
 * a line for each record, which is "null" for a tombstone.
 *
 *   valueSchema id note [sku=price ...] {name=rate ...} at kind
 *
 * note is null or a string, price are the hexadecimal digits of a decimal's bytes, rate a double, at a time stamp, and kind a string or a long, with its
 * branch in front.
 */
public class Columns {
  public static void main(String[] files) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String file : files) {
      out.println("file " + new File(file).getName());
      if (file.endsWith(".avro")) avro(out, file);
      else parquet(out, file);
    }
    out.flush();
  }

  static void avro(PrintStream out, String file) throws Exception {
    try (var in = new DataFileReader<GenericRecord>(new File(file), new GenericDatumReader<>())) {
      for (GenericRecord r : in) {
        GenericRecord v = (GenericRecord) r.get("value");
        if (v == null) {
          out.println("null");
          continue;
        }
        StringBuilder lines = new StringBuilder();
        for (Object o : (Iterable<?>) v.get("lines")) {
          GenericRecord line = (GenericRecord) o;
          lines.append(' ').append(line.get("sku")).append('=').append(hex(((ByteBuffer) line.get("price"))));
        }
        var rates = new TreeMap<String, Double>();
        for (Map.Entry<?, ?> e : ((Map<?, ?>) v.get("rates")).entrySet()) rates.put(e.getKey().toString(), (Double) e.getValue());
        Object kind = v.get("kind");
        out.println(r.get("valueSchema") + " " + v.get("id") + " " + v.get("note") + " [" + lines + " ] " + rates + " " + v.get("at") + " "
            + (kind instanceof Long ? "1:" : "0:") + kind);
      }
    }
  }

  static void parquet(PrintStream out, String file) throws Exception {
    try (var in = ParquetReader.builder(new GroupReadSupport(), new org.apache.hadoop.fs.Path(file)).build()) {
      for (Group r; (r = in.read()) != null; ) {
        if (r.getFieldRepetitionCount("value") == 0) {
          out.println("null");
          continue;
        }
        Group v = r.getGroup("value", 0);
        StringBuilder lines = new StringBuilder();
        Group list = v.getGroup("lines", 0);
        for (int i = 0; i < list.getFieldRepetitionCount("list"); i++) {
          Group line = list.getGroup("list", i).getGroup("element", 0);
          lines.append(' ').append(line.getString("sku", 0)).append('=').append(hex(line.getBinary("price", 0).toByteBuffer()));
        }
        var rates = new TreeMap<String, Double>();
        Group map = v.getGroup("rates", 0);
        for (int i = 0; i < map.getFieldRepetitionCount("key_value"); i++) {
          Group e = map.getGroup("key_value", i);
          rates.put(e.getString("key", 0), e.getDouble("value", 0));
        }
        Group kind = v.getGroup("kind", 0);
        boolean text = kind.getFieldRepetitionCount("member0") == 1;
        out.println(r.getLong("valueSchema", 0) + " " + v.getLong("id", 0) + " " + (v.getFieldRepetitionCount("note") == 0 ? "null" : v.getString("note", 0))
            + " [" + lines + " ] " + rates + " " + v.getLong("at", 0) + " " + (text ? "0:" + kind.getString("member0", 0) : "1:" + kind.getLong("member1", 0)));
      }
    }
  }

  static String hex(ByteBuffer b) {
    byte[] copy = new byte[b.remaining()];
    b.duplicate().get(copy);
    return HexFormat.of().formatHex(copy);
  }
}
