"""From a run or folders to the folder of a listening test."""
