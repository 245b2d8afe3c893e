package open

// Confluent lets tests see how an archive is read.
var Confluent = (*Opener).confluent
