package spec

// The comments of these types are read by people: they become the descriptions in the schema, and `backstitch spec explain`
// prints them. So they speak of the field and not of the code.

// The only values that apiVersion and kind have today.
const (
	APIVersion = "backstitch.dev/v1"
	Kind       = "Recovery"
)

// Recovery is one repair: records that a reference holds and a target lacks are written into the target, and the result is
// compared.
type Recovery struct {
	// Version of this format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=backstitch.dev/v1"`
	// What the file describes.
	Kind string `json:"kind" jsonschema:"enum=Recovery"`
	// Who the job is.
	Metadata Metadata `json:"metadata"`
	// What to do.
	Spec Spec `json:"spec"`
}

// Metadata names the job.
type Metadata struct {
	// Name of the job in status output: lower-case letters, digits, dots and dashes.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,pattern=^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"`
	// Namespace groups jobs.
	Namespace string `json:"namespace,omitempty" jsonschema:"maxLength=63,pattern=^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$,default=default"`
	// Annotations are shown in the plan: a ticket, a runbook.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Spec says where the truth is, where it must be complete, and how to get there.
type Spec struct {
	// Where the truth is. Exactly one kind.
	Source Source `json:"source"`
	// Where it must be complete. Exactly one kind.
	Target Target `json:"target"`
	// How each value of the reference is changed before it is compared and written. Left out, values stay as they are.
	Transform *Transform `json:"transform,omitempty"`
	// What a record has to be before it is written. Left out, all are written.
	Validate *Validate `json:"validate,omitempty"`
	// Which part of the reference must be there. Left out, it is everything that the reference holds.
	Range *Range `json:"range,omitempty"`
	// What to look at and what to write.
	Select *Select `json:"select,omitempty"`
	// How to write.
	Write *Write `json:"write,omitempty"`
	// For whom the job slows down. Left out, it slows down for its own target.
	Throttle *Throttle `json:"throttle,omitempty"`
	// When the job gets its turn.
	Schedule *Schedule `json:"schedule,omitempty"`
	// Until when the job has to be done.
	SLA *SLA `json:"sla,omitempty"`
	// How big one piece of work is.
	Slices *Slices `json:"slices,omitempty"`
}

// Source is the reference. Exactly one of its members is set.
type Source struct {
	// An archive in an object store.
	S3 *S3Source `json:"s3,omitempty"`
	// An archive in a directory.
	Dir *DirSource `json:"dir,omitempty"`
	// A Kafka topic that still has the records.
	Kafka *KafkaSource `json:"kafka,omitempty"`
}

// S3Source is an archive in an object store.
type S3Source struct {
	// Connection of the agents' configuration that holds endpoint and credentials. Left out, the environment's are taken.
	Connection string `json:"connection,omitempty"`
	// Bucket name.
	Bucket string `json:"bucket" jsonschema:"minLength=3,maxLength=63,pattern=^[a-z0-9][a-z0-9.-]*$"`
	// Prefix that all keys of the archive begin with.
	Prefix string `json:"prefix,omitempty"`
	// Endpoint of an S3-compatible store, such as https://minio.internal:9000. Left out, it is AWS.
	Endpoint string `json:"endpoint,omitempty" jsonschema:"pattern=^https?://"`
	// Region of the bucket. Left out, it is the environment's.
	Region string `json:"region,omitempty"`
	// Place of an S3 Inventory of the bucket, s3://DESTINATION/PREFIX/BUCKET/CONFIG-ID, to list by. Left out, the bucket is listed.
	Inventory string `json:"inventory,omitempty" jsonschema:"pattern=^s3://"`
	// Schema registry in whose words records name their schemas: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. On both sides or on none. A plan is made only if each name means the same on both sides.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
	Layout
}

// DirSource is an archive in a directory that every agent sees.
type DirSource struct {
	// Path of the directory, absolute.
	Path string `json:"path" jsonschema:"pattern=^/"`
	// Schema registry in whose words records name their schemas: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. On both sides or on none. A plan is made only if each name means the same on both sides.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
	Layout
}

// Layout says how the files of an archive are named and what is in them.
type Layout struct {
	// Layout of the files: archive is what backstitch archive writes, auto finds it out, the others are what other programs write.
	Layout string `json:"layout,omitempty" jsonschema:"enum=archive,enum=auto,enum=confluent,enum=lenses,enum=aiven,enum=firehose,enum=oso,enum=gazette,enum=hdfs,default=archive"`
	// Topic as the archive calls it. Left out, it is the target's.
	Topic string `json:"topic,omitempty" jsonschema:"minLength=1,maxLength=249"`
	// Format of the files, where a layout has several. Left out, it is found out.
	Format string `json:"format,omitempty" jsonschema:"enum=json,enum=bin,enum=bytes,enum=csv,enum=envelope,enum=array,enum=concat,enum=avro,enum=parquet"`
	// What bytes a value had whose datum or row a file of format avro or parquet holds. Left out, such files are named and not compared.
	Values *Values `json:"values,omitempty"`
	// Fields of a record that aiven files hold, in their order. Left out, they are found out.
	Fields []string `json:"fields,omitempty" jsonschema:"enum=key,enum=value,enum=timestamp,enum=offset,enum=headers"`
	// Whether a row or a datum of a lenses or aiven file of format avro or parquet is an envelope that holds a whole record. Left out, it is told by the names of its columns; a value whose members are called key and value looks like one, and false says that it is none.
	Envelope *bool `json:"envelope,omitempty"`
	// Directory in front of the topic that a confluent or hdfs sink was told, topics if it was told none; empty for no directory.
	TopicsDir *string `json:"topicsDir,omitempty"`
	// What a confluent or hdfs sink was told to write between directories, if not a slash.
	DirectoryDelim string `json:"directoryDelim,omitempty"`
	// What a confluent or hdfs sink was told to write between the parts of a file's name, if not a plus sign.
	FileDelim string `json:"fileDelim,omitempty"`
}

// KafkaSource is a topic that still has the records.
type KafkaSource struct {
	// Connection of the agents' configuration that holds brokers and credentials.
	Connection string `json:"connection,omitempty"`
	// Brokers as host:port,host:port, for clusters without credentials.
	Brokers string `json:"brokers,omitempty"`
	// Topic to read.
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=249"`
	// Schema registry in whose words records name their schemas: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. On both sides or on none. A plan is made only if each name means the same on both sides.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
}

// Target is where records are written. Exactly one of its members is set.
type Target struct {
	// A Kafka topic. Missing records are appended, marked, in their own order.
	Kafka *KafkaTarget `json:"kafka,omitempty"`
	// A directory of record files.
	Dir *DirTarget `json:"dir,omitempty"`
	// Record files in an object store that honours If-None-Match.
	S3 *S3Target `json:"s3,omitempty"`
}

// KafkaTarget is a topic to complete.
type KafkaTarget struct {
	// Connection of the agents' configuration that holds brokers and credentials.
	Connection string `json:"connection,omitempty"`
	// Brokers as host:port,host:port, for clusters without credentials.
	Brokers string `json:"brokers,omitempty"`
	// Topic to write. It must exist.
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=249"`
	// Schema registry in whose words records name their schemas: a connection of the agents' configuration or, where no agent reads, an address such as https://registry:8081. On both sides or on none. A plan is made only if each name means the same on both sides.
	Registry string `json:"registry,omitempty" jsonschema:"minLength=1"`
	// How a record gets its partition: keep is that of the reference; murmur2 goes by its key, as Java's clients do, into a topic of any number of partitions that backstitch alone fills.
	Partitioner string `json:"partitioner,omitempty" jsonschema:"enum=keep,enum=murmur2,default=keep"`
	// What records that are written call their schemas: keep is what the reference calls them, and a plan is made only if that means the same on both sides; remap is what the target's registry calls the same schemas, found when the plan is made. It needs registry on both sides.
	Schemas string `json:"schemas,omitempty" jsonschema:"enum=keep,enum=remap,default=keep"`
}

// DirTarget is a directory to complete.
type DirTarget struct {
	// Path of the directory, absolute, that every agent sees.
	Path string `json:"path" jsonschema:"pattern=^/"`
	// Topic whose records the directory holds.
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=249"`
	Files
}

// S3Target is a place in an object store to complete.
type S3Target struct {
	// Connection of the agents' configuration that holds endpoint and credentials. Left out, the environment's are taken.
	Connection string `json:"connection,omitempty"`
	// Bucket name. It must exist.
	Bucket string `json:"bucket" jsonschema:"minLength=3,maxLength=63,pattern=^[a-z0-9][a-z0-9.-]*$"`
	// Prefix that all keys begin with.
	Prefix string `json:"prefix,omitempty"`
	// Endpoint of an S3-compatible store, such as https://minio.internal:9000. Left out, it is AWS.
	Endpoint string `json:"endpoint,omitempty" jsonschema:"pattern=^https?://"`
	// Region of the bucket. Left out, it is the environment's.
	Region string `json:"region,omitempty"`
	// Topic whose records lie there.
	Topic string `json:"topic" jsonschema:"minLength=1,maxLength=249"`
	Files
}

// Range says which records. From and to go by the records' timestamps, offsets by their position in the reference.
type Range struct {
	// First moment, RFC 3339 with zone.
	From Time `json:"from,omitempty"`
	// Moment after the last, RFC 3339 with zone. The range is half-open.
	To Time `json:"to,omitempty"`
	// Positions instead of moments, the same for each partition.
	Offsets *Offsets `json:"offsets,omitempty"`
}

// Offsets is a half-open range of positions in the reference.
type Offsets struct {
	// First position.
	From int64 `json:"from" jsonschema:"minimum=0"`
	// Position after the last.
	To int64 `json:"to" jsonschema:"minimum=0"`
}

// Select says what to look at and what to write.
type Select struct {
	// Partitions to look at, such as "0-7,12". Left out, it is all of them.
	Partitions Partitions `json:"partitions,omitempty"`
	// Only says what is written: missing writes what the target lacks, all writes everything again.
	Only string `json:"only,omitempty" jsonschema:"enum=missing,enum=all,default=missing"`
}

// Write says how records are written.
type Write struct {
	// Whether each record gets the headers backstitch.origin and backstitch.job.
	OriginHeaders *bool `json:"originHeaders,omitempty" jsonschema:"default=true"`
	// Records between two commits, at most.
	CommitRecords int `json:"commitRecords,omitempty" jsonschema:"minimum=1,maximum=1000000,default=20000"`
	// Time between two commits, at most, such as 500ms: up to 30s into a topic, up to 10m into files.
	CommitInterval Duration `json:"commitInterval,omitempty"`
	// Records that all slices of the job together may set aside because they can not be written or read. One more fails the job.
	MaxQuarantine int64 `json:"maxQuarantine,omitempty" jsonschema:"minimum=0,default=0"`
	// Events that came twice are written once. Left out, all records are written.
	Dedupe *Dedupe `json:"dedupe,omitempty"`
	// What becomes of Debezium's change events that would be appended behind newer ones of their rows: keep writes them, and the plan says how many there are; quarantine sets them aside. Left out, it is keep.
	Superseded string `json:"superseded,omitempty" jsonschema:"enum=keep,enum=quarantine"`
	// Records that come later than is allowed say so in the header backstitch.late. Left out, none does.
	Late *Late `json:"late,omitempty"`
}

// Schedule says when the job gets its turn.
type Schedule struct {
	// Priority from 0 to 100; higher goes first.
	Priority *int `json:"priority,omitempty" jsonschema:"minimum=0,maximum=100,default=50"`
	// Time zone of the windows below, an IANA name such as Europe/Berlin. Left out, it is UTC.
	Timezone string `json:"timezone,omitempty" jsonschema:"minLength=1,maxLength=64"`
	// Hours in which the job keeps below a limit.
	PeakHours []PeakHours `json:"peakHours,omitempty" jsonschema:"minItems=1,maxItems=32"`
	// Hours in which nothing of the job runs. What runs when one begins commits, and goes on when it is over.
	Blackout []Blackout `json:"blackout,omitempty" jsonschema:"minItems=1,maxItems=32"`
}

// PeakHours is a time that comes again, in which the job is slow.
type PeakHours struct {
	// When it begins: minute, hour, day of month, month and day of week, such as "0 7 * * MON-FRI". L is the last day of the month. A time that clocks skip is when they have been set; one that comes twice begins twice.
	Cron string `json:"cron" jsonschema:"minLength=1,maxLength=128"`
	// How long it takes, such as 12h.
	Duration Duration `json:"duration"`
	// What the job may do to its target in a second, at most. The smaller one holds of this and a limit of the job.
	Throttle WindowThrottle `json:"throttle"`
}

// Blackout is a time that comes again, in which the job does not run.
type Blackout struct {
	// When it begins: minute, hour, day of month, month and day of week, such as "55 23 L * *". L is the last day of the month. A time that clocks skip is when they have been set; one that comes twice begins twice.
	Cron string `json:"cron" jsonschema:"minLength=1,maxLength=128"`
	// How long it takes, such as 2h.
	Duration Duration `json:"duration"`
}

// WindowThrottle is what a job may do in a second, all nodes together. At least one of its members is set.
type WindowThrottle struct {
	// Keys, values and headers, uncompressed, such as 5MiB/s. Without /s, as older files have it, it is the same.
	BytesPerSecond Throughput `json:"bytesPerSecond,omitempty"`
	// Records, such as 5k/s.
	RecordsPerSecond PerSecond `json:"recordsPerSecond,omitempty"`
	// Calls of the target's protocol, such as 300/s.
	RequestsPerSecond PerSecond `json:"requestsPerSecond,omitempty"`
}

// SLA says until when the job has to be done, and how much of it.
type SLA struct {
	// Time from the detection of the loss to the proof that it is mended, such as 2h. The loss counts as detected when the first scan ended that found it, of those that are called as the job and ran since the last one that succeeded; without one, when the job is submitted.
	RecoverWithin Duration `json:"recoverWithin"`
	// Share of the planned records that has to be in the target in the end. Left out, it is 100%.
	Completeness Percent `json:"completeness,omitempty"`
	// Share of the time after which people hear that it is running out, in whole percent. Left out, it is 75%.
	AlertAt Percent `json:"alertAt,omitempty"`
}

// Slices says how big one piece of work is. Smaller ones spread better, larger ones cost less.
type Slices struct {
	// Bytes of one slice, uncompressed, such as 256MiB.
	Bytes Bytes `json:"bytes,omitempty"`
	// Records of one slice.
	Records int64 `json:"records,omitempty" jsonschema:"minimum=1,default=1000000"`
}
