package config

import "reflect"

var typeOf = reflect.TypeOf
