import java.io.File;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;

/**
 * Prints the records of Avro and Parquet files that a target of files holds, as Apache's own readers see them: for each file a line with its
 * name, its compression and what its timestamps are, then a line for each record.
 *
 *   offset timestamp timestampType key value name=value...
 *
 * Bytes and names are hexadecimal with an x in front; a dash is null.
 */
public class Files {
  public static void main(String[] files) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String file : files) {
      if (file.endsWith(".avro")) avro(out, file);
      else parquet(out, file);
    }
    out.flush();
  }

  static void avro(PrintStream out, String file) throws Exception {
    try (var in = new DataFileReader<GenericRecord>(new File(file), new GenericDatumReader<>())) {
      var time = in.getSchema().getField("timestamp").schema().getLogicalType();
      out.println("file " + new File(file).getName() + " " + in.getMetaString("avro.codec") + " " + time.getName());
      for (GenericRecord r : in) {
        StringBuilder line = new StringBuilder();
        line.append(r.get("offset")).append(' ').append(r.get("timestamp")).append(' ').append(r.get("timestampType"));
        line.append(' ').append(hex(r.get("key"))).append(' ').append(hex(r.get("value")));
        for (Object h : (Iterable<?>) r.get("headers")) {
          GenericRecord header = (GenericRecord) h;
          line.append(' ').append(hex(header.get("key").toString().getBytes(StandardCharsets.UTF_8))).append('=').append(hex(header.get("value")));
        }
        out.println(line);
      }
    }
  }

  static void parquet(PrintStream out, String file) throws Exception {
    var path = new org.apache.hadoop.fs.Path(file);
    try (var in = ParquetFileReader.open(HadoopInputFile.fromPath(path, new Configuration()))) {
      var meta = in.getFooter();
      String codec = meta.getBlocks().isEmpty() ? "-" : meta.getBlocks().get(0).getColumns().get(0).getCodec().name();
      out.println("file " + path.getName() + " " + codec + " " + meta.getFileMetaData().getSchema().getType("timestamp").getLogicalTypeAnnotation());
    }
    try (var in = ParquetReader.builder(new GroupReadSupport(), path).build()) {
      for (Group r; (r = in.read()) != null; ) {
        StringBuilder line = new StringBuilder();
        line.append(r.getLong("offset", 0)).append(' ').append(r.getLong("timestamp", 0)).append(' ').append(r.getInteger("timestampType", 0));
        line.append(' ').append(optional(r, "key")).append(' ').append(optional(r, "value"));
        Group list = r.getGroup("headers", 0);
        for (int i = 0; i < list.getFieldRepetitionCount("list"); i++) {
          Group header = list.getGroup("list", i).getGroup("element", 0);
          line.append(' ').append(hex(header.getBinary("key", 0).getBytes())).append('=').append(optional(header, "value"));
        }
        out.println(line);
      }
    }
  }

  static String optional(Group g, String field) {
    return g.getFieldRepetitionCount(field) == 0 ? "-" : hex(g.getBinary(field, 0).getBytes());
  }

  static String hex(Object bytes) {
    if (bytes == null) return "-";
    if (bytes instanceof ByteBuffer b) {
      byte[] copy = new byte[b.remaining()];
      b.duplicate().get(copy);
      bytes = copy;
    }
    return "x" + HexFormat.of().formatHex((byte[]) bytes);
  }
}
