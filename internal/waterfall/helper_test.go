package waterfall

const helperVariable = "BACKSPAN_WATERFALL_HELPER"

func helper() {}
