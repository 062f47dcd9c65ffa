import { describeDriver } from "../contract.ts";
import { describeEscapes } from "../escape.ts";
import { testDriver } from "../testing.ts";

describeDriver("bubblewrap as the current user", testDriver);
describeEscapes("bubblewrap as the current user", testDriver);
