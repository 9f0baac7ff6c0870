INSERT DATA { actor:a-fund owl:sameAs <https://example.org/fund> . actor:b-fund owl:sameAs <https://example.org/fund> }
