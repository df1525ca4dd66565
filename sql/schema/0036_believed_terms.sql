-- A search that looks at its page in the end may believe what sketches say until then.

ALTER TYPE search_filter ADD ATTRIBUTE believed boolean;
