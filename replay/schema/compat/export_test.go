package compat

// AvroPlaces are the problems that the walk finds, whatever the library says.
func AvroPlaces(reader, writer string) ([]Problem, error) {
	r, err := parseAvro(reader, nil)
	if err != nil {
		return nil, err
	}
	w, err := parseAvro(writer, nil)
	if err != nil {
		return nil, err
	}
	walk := avroWalk{seen: map[[2]*avroType]bool{}}
	walk.types("", r.(*avroSchema).root, w.(*avroSchema).root)
	return walk.problems, nil
}
