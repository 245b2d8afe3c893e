package open

// Confluent lets tests see how an archive is read.
var Limits = (*Opener).limits
