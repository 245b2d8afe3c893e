package testbed

import (
	"iter"
	"testing"

	"backstitch/chaos/traffic"
)

// What the archive of a site is called.
const (
	archivedTopic = "events"
	archivePrefix = "archive"
)

// Site is a fleet beside a sandbox, with an archive that slow jobs fill topics from: what there is to be hurt.
type Site struct {
	*Fleet
	Sandbox    Sandbox
	Dir        string
	Partitions int32 // of every topic
}

// StartSite starts a sandbox, and an agent for each seat.
func StartSite(t testing.TB, dir string, partitions int32, seats ...Seat) Site {
	t.Helper()
	s := Site{Sandbox: StartSandbox(t, dir), Dir: dir, Partitions: partitions}
	s.Fleet = NewFleet(t, Layout{Dir: dir, Seats: seats, Broker: s.Sandbox.Broker, Endpoint: s.Sandbox.Endpoint})
	s.StartAll(t)
	return s
}

// Topic is a topic of the site, which there may not be yet.
func (s Site) Topic(name string) Topic {
	return Topic{Broker: s.Sandbox.Broker, Name: name, Partitions: s.Partitions}
}

// Archive makes the archive, of a topic that is gone afterwards. each is told every event.
func (s Site) Archive(t testing.TB, events iter.Seq2[traffic.Event, error], each func(traffic.Event)) {
	t.Helper()
	topic := s.Topic(archivedTopic)
	topic.Create(t)
	topic.Produce(t, events, func(_ int64, e traffic.Event) bool {
		each(e)
		return true
	})
	s.Fleet.Archive(t, topic, "s3://"+s.Sandbox.Bucket+"/"+archivePrefix)
	topic.Drop(t)
}

// Fill makes an empty topic and starts a job of the same name that fills it with all of the archive. The broker takes in
// bytesPerSecond meanwhile, so that the job lasts while it is hurt. The spec needs a name only.
func (s Site) Fill(t testing.TB, spec Spec, bytesPerSecond int64) Topic {
	t.Helper()
	topic := s.Topic(spec.Name)
	topic.Create(t)
	spec.Source, spec.Target = InS3(s.Sandbox.Bucket, archivePrefix, "topic: "+archivedTopic), InKafka(spec.Name)
	s.Sandbox.Pace(t, 0)
	_, plan := s.Plan(t, s.Dir, spec)
	s.Sandbox.Pace(t, bytesPerSecond)
	s.Submit(t, plan)
	return topic
}
